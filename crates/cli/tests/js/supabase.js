// What applications do with Supabase's own client, against an environment of which it knows the address and a key.

import assert from 'node:assert/strict';
import { createClient } from '@supabase/supabase-js';

const { CLOCHE_URL: url, CLOCHE_PK: publishable, CLOCHE_SK: secret, CLOCHE_TOKEN: token, CLOCHE_ENVIRONMENT: environment } =
  process.env;
const password = 'correct horse battery';

function client(key = publishable, auth = {}) {
  return createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false, ...auth } });
}

// The data of an answer that must have worked.
function ok({ data, error }) {
  assert.equal(error, null, error && `${error.code} ${error.message}`);
  return data;
}

// The code of one that must not.
function code({ data, error }) {
  assert.notEqual(error, null, `it worked: ${JSON.stringify(data)}`);
  return error.code;
}

async function manage(query, variables) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const body = await answer.json();
  assert.equal(body.errors, undefined, JSON.stringify(body));
  return body.data;
}

async function settings(input) {
  const query = 'mutation($input: UpdateAuthSettingsInput!) { updateAuthSettings(input: $input) { success message } }';
  const { updateAuthSettings } = await manage(query, { input: { environmentId: environment, ...input } });
  assert.equal(updateAuthSettings.success, true, updateAuthSettings.message);
}

// The newest mail to somebody.
async function mail(recipient) {
  const query = 'query($e: String!, $r: String) { mails(environmentId: $e, recipient: $r, first: 1) { kind link code } }';
  const { mails } = await manage(query, { e: environment, r: recipient });
  assert.equal(mails.length, 1, `no mail to ${recipient}`);
  return mails[0];
}

const flows = {
  async data() {
    const back = client(secret);
    const front = client();
    const [author] = ok(await back.from('authors').insert({ handle: 'eve', name: 'Eve' }).select());
    assert.equal(author.name, 'Eve');
    const posts = ['alpha', 'beta', 'gamma'].map((slug) => ({ slug, title: slug, author_id: author.id, tags: ['x', slug] }));
    ok(await back.from('posts').insert(posts));
    const read = await front
      .from('posts')
      .select('slug, title, authors(name)', { count: 'exact' })
      .eq('author_id', author.id)
      .order('slug', { ascending: false })
      .range(0, 1);
    assert.deepEqual(ok(read), [
      { slug: 'gamma', title: 'gamma', authors: { name: 'Eve' } },
      { slug: 'beta', title: 'beta', authors: { name: 'Eve' } },
    ]);
    assert.equal(read.count, 3);
    const filters = [
      (query) => query.in('slug', ['alpha', 'beta']),
      (query) => query.neq('slug', 'gamma'),
      (query) => query.or('slug.eq.alpha,slug.eq.beta'),
      (query) => query.not('slug', 'like', 'g*'),
      (query) => query.ilike('title', '%A').lt('slug', 'c'),
      (query) => query.overlaps('tags', ['alpha', 'beta']),
    ];
    for (const filter of filters) {
      const found = ok(await filter(front.from('posts').select('slug').eq('author_id', author.id)).order('slug'));
      assert.deepEqual(found, [{ slug: 'alpha' }, { slug: 'beta' }], String(filter));
    }
    const one = ok(await front.from('authors').select('name, posts(slug)').eq('id', author.id).single());
    assert.equal(one.posts.length, 3);
    assert.equal(ok(await front.from('authors').select('name').eq('handle', 'nobody').maybeSingle()), null);
    assert.equal(code(await front.from('authors').select('name').eq('handle', 'nobody').single()), 'PGRST116');
    assert.deepEqual(ok(await back.from('posts').update({ title: 'A' }).eq('slug', 'alpha').select('title')), [{ title: 'A' }]);
    const upserted = await back.from('authors').upsert({ handle: 'eve', name: 'Eve B.' }, { onConflict: 'handle' }).select('id, name');
    assert.deepEqual(ok(upserted), [{ id: author.id, name: 'Eve B.' }]);
    const { count } = await front.from('posts').select('*', { count: 'exact', head: true }).eq('author_id', author.id);
    assert.equal(count, 3);
    ok(await back.from('posts').delete().eq('slug', 'beta'));
    assert.equal(ok(await front.from('posts').select('slug').eq('author_id', author.id)).length, 2);
    // What anon may not do is refused.
    assert.ok(code(await front.from('posts').insert(posts[0])));
    assert.equal(ok(await back.rpc('add', { a: 2, b: 3 })), 5);
  },

  async session() {
    const front = client();
    const up = ok(await front.auth.signUp({ email: 'ada@example.com', password, options: { data: { name: 'Ada' } } }));
    assert.equal(up.user.user_metadata.name, 'Ada');
    assert.equal(up.user.identities[0].provider, 'email');
    assert.equal(ok(await front.auth.getUser()).user.id, up.user.id);
    assert.equal(code(await client().auth.signUp({ email: 'ada@example.com', password })), 'user_already_exists');
    assert.equal(code(await client().auth.signInWithPassword({ email: 'ada@example.com', password: 'no' })), 'invalid_credentials');
    assert.equal(code(await client().auth.signUp({ email: 'weak@example.com', password: 'weak' })), 'weak_password');

    const other = client();
    ok(await other.auth.signInWithPassword({ email: 'ada@example.com', password }));
    const before = ok(await other.auth.getSession()).session;
    const after = ok(await other.auth.refreshSession()).session;
    assert.notEqual(before.refresh_token, after.refresh_token);
    const { claims } = ok(await other.auth.getClaims());
    assert.equal(claims.sub, up.user.id);
    assert.ok(claims.aud.includes('authenticated') && claims.aud.includes(environment));
    ok(await other.auth.updateUser({ data: { colour: 'green' } }));
    assert.deepEqual(ok(await other.auth.getUser()).user.user_metadata, { name: 'Ada', colour: 'green' });
    assert.equal(code(await other.auth.updateUser({ password })), 'same_password');
    ok(await other.auth.updateUser({ password: `${password} 2` }));
    assert.notEqual((await front.auth.getUser()).error, null, 'a new password ends the other sessions');
    ok(await client().auth.signInWithPassword({ email: 'ada@example.com', password: `${password} 2` }));
    const signedOut = ok(await other.auth.getSession()).session;
    assert.equal((await other.auth.signOut()).error, null);
    assert.equal(code(await client().auth.refreshSession({ refresh_token: signedOut.refresh_token })), 'refresh_token_not_found');
    assert.equal(code(await client().auth.signInAnonymously()), 'anonymous_provider_disabled');
    await settings({ anonymous: true });
    const nobody = ok(await client().auth.signInAnonymously());
    assert.equal(nobody.user.is_anonymous, true);
    await settings({ signUp: false });
    assert.equal(code(await client().auth.signUp({ email: 'late@example.com', password })), 'signup_disabled');
    await settings({ signUp: true, anonymous: false });
  },

  async mails() {
    const site = 'https://app.example.com';
    await settings({ siteUrl: site, redirectUrls: [`${site}/*`], confirmEmail: true });
    const front = client();
    const up = ok(await front.auth.signUp({ email: 'bea@example.com', password }));
    assert.equal(up.session, null);
    assert.equal(code(await client().auth.signInWithPassword({ email: 'bea@example.com', password })), 'email_not_confirmed');
    const first = await mail('bea@example.com');
    assert.equal(first.kind, 'signup');
    ok(await front.auth.resend({ type: 'signup', email: 'bea@example.com' }));
    const second = await mail('bea@example.com');
    assert.equal(code(await client().auth.verifyOtp({ email: 'bea@example.com', token: first.code, type: 'signup' })), 'otp_expired');
    const confirmed = ok(await front.auth.verifyOtp({ email: 'bea@example.com', token: second.code, type: 'signup' }));
    assert.equal(confirmed.user.email, 'bea@example.com');
    assert.ok(confirmed.session.access_token);
    // Somebody who asks whether an address is taken is told nothing.
    const asked = ok(await client().auth.signUp({ email: 'bea@example.com', password }));
    assert.notEqual(asked.user.id, confirmed.user.id);

    ok(await client().auth.resetPasswordForEmail('bea@example.com', { redirectTo: `${site}/reset` }));
    ok(await client().auth.resetPasswordForEmail('nobody@example.com'));
    const reset = await mail('bea@example.com');
    assert.equal(reset.kind, 'recovery');
    const link = new URL(reset.link);
    assert.equal(link.searchParams.get('redirect_to'), `${site}/reset`);
    const recovering = client();
    ok(await recovering.auth.verifyOtp({ token_hash: link.searchParams.get('token'), type: 'recovery' }));
    ok(await recovering.auth.updateUser({ password: 'a wholly new one' }));
    ok(await client().auth.signInWithPassword({ email: 'bea@example.com', password: 'a wholly new one' }));
    assert.equal(code(await client().auth.verifyOtp({ token_hash: link.searchParams.get('token'), type: 'recovery' })), 'otp_expired');

    // A link that a browser opens sends it on with a session, and nowhere that is not allowed.
    ok(await client().auth.signInWithOtp({ email: 'bea@example.com', options: { emailRedirectTo: 'https://evil.example/x' } }));
    const magic = await mail('bea@example.com');
    const opened = await fetch(magic.link, { redirect: 'manual' });
    assert.equal(opened.status, 303, await opened.text());
    const target = new URL(opened.headers.get('location'));
    assert.equal(target.origin, site);
    const fragment = new URLSearchParams(target.hash.slice(1));
    const [access_token, refresh_token] = [fragment.get('access_token'), fragment.get('refresh_token')];
    assert.equal(ok(await client().auth.setSession({ access_token, refresh_token })).user.email, 'bea@example.com');
    const again = new URL((await fetch(magic.link, { redirect: 'manual' })).headers.get('location'));
    assert.equal(new URLSearchParams(again.hash.slice(1)).get('error_code'), 'otp_expired');

    // A client that keeps a secret is given a code for it.
    const storage = new Map();
    const kept = { getItem: (k) => storage.get(k) ?? null, setItem: (k, v) => storage.set(k, v), removeItem: (k) => storage.delete(k) };
    const pkce = client(publishable, { flowType: 'pkce', storage: kept, persistSession: true });
    ok(await pkce.auth.signInWithOtp({ email: 'cid@example.com' }));
    const sent = await fetch((await mail('cid@example.com')).link, { redirect: 'manual' });
    const exchange = new URL(sent.headers.get('location')).searchParams.get('code');
    assert.equal(ok(await pkce.auth.exchangeCodeForSession(exchange)).user.email, 'cid@example.com');

    // A new address is confirmed before it counts.
    const moving = client();
    ok(await moving.auth.signInWithPassword({ email: 'bea@example.com', password: 'a wholly new one' }));
    const moved = ok(await moving.auth.updateUser({ email: 'bea@new.example' }));
    assert.deepEqual([moved.user.email, moved.user.new_email], ['bea@example.com', 'bea@new.example']);
    const change = await mail('bea@new.example');
    ok(await client().auth.verifyOtp({ email: 'bea@new.example', token: change.code, type: 'email_change' }));
    assert.equal(ok(await moving.auth.getUser()).user.email, 'bea@new.example');
    await settings({ confirmEmail: false });
  },

  async admin() {
    const { admin } = client(secret).auth;
    const email = 'dan@example.com';
    const made = ok(await admin.createUser({ email, password, email_confirm: true, app_metadata: { roles: ['editor'], plan: 'pro' } }));
    const { id } = made.user;
    assert.deepEqual(made.user.app_metadata, { plan: 'pro', provider: 'email', providers: ['email'], roles: ['editor'] });
    assert.equal(code(await admin.createUser({ email, password })), 'user_already_exists');
    assert.equal(ok(await admin.getUserById(id)).user.email, email);
    const updated = ok(await admin.updateUserById(id, { user_metadata: { name: 'Dan' }, app_metadata: { plan: null } }));
    assert.deepEqual([updated.user.user_metadata, updated.user.app_metadata.plan], [{ name: 'Dan' }, undefined]);
    const front = client();
    ok(await front.auth.signInWithPassword({ email, password }));
    ok(await admin.updateUserById(id, { ban_duration: '24h' }));
    assert.equal(code(await client().auth.signInWithPassword({ email, password })), 'user_banned');
    assert.notEqual((await front.auth.refreshSession()).error, null);
    ok(await admin.updateUserById(id, { ban_duration: 'none' }));
    ok(await client().auth.signInWithPassword({ email, password }));
    const page = ok(await admin.listUsers({ page: 1, perPage: 1 }));
    assert.equal(page.users.length, 1);
    const { total } = ok(await admin.listUsers());
    assert.ok(total >= 1, `${total}`);
    const link = ok(await admin.generateLink({ type: 'magiclink', email }));
    assert.equal(link.properties.verification_type, 'magiclink');
    const entered = ok(await client().auth.verifyOtp({ token_hash: link.properties.hashed_token, type: 'magiclink' }));
    assert.equal(entered.user.id, id);
    const invited = ok(await admin.inviteUserByEmail('fay@example.com', { data: { name: 'Fay' } }));
    assert.ok(invited.user.invited_at);
    const invitation = await mail('fay@example.com');
    ok(await client().auth.verifyOtp({ email: 'fay@example.com', token: invitation.code, type: 'invite' }));
    assert.equal(ok(await admin.deleteUser(id)).user.id, id);
    assert.equal(code(await admin.getUserById(id)), 'user_not_found');
    // Nobody else may.
    assert.equal(code(await client().auth.admin.listUsers()), 'not_admin');
    assert.equal(code(await client().auth.admin.createUser({ email: 'x@example.com' })), 'not_admin');
  },
};

await flows[process.argv[2]]();
