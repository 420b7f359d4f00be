// Signing in with a real OpenID provider, which this script runs on a port of its own; the browser is played with fetch.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createClient } from '@supabase/supabase-js';
import Provider from 'oidc-provider';

const { CLOCHE_URL: url, CLOCHE_PK: publishable, CLOCHE_SK: secret, CLOCHE_TOKEN: token, CLOCHE_ENVIRONMENT: environment } =
  process.env;
const clientSecret = 'right:word+%';
const site = 'https://app.example.com';
const people = {
  ada: { email: 'ada@example.com', email_verified: true, name: 'Ada', picture: 'https://example.com/ada.png' },
  bea: { email: 'bea@example.com', email_verified: true, name: 'Bea' },
  cid: { email: 'ada@example.com', email_verified: false, name: 'Not Ada' },
};
// Who sits at the provider's page.
let person = 'ada';

async function provider() {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const oidc = new Provider(issuer, {
    clients: [{ client_id: 'us', client_secret: clientSecret, redirect_uris: [`${url}/auth/v1/callback`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['for a test'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
    pkce: { required: () => true },
  });
  const handle = oidc.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return handle(request, response);
    return oidc.interactionFinished(request, response, { login: { accountId: person } });
  });
  return { issuer, server };
}

// Follows redirects as a browser does, with cookies, until it is sent to the application's own site.
function browser() {
  const cookies = new Map();
  return async function open(address) {
    for (let step = 0; step < 12; step += 1) {
      const { origin, pathname } = new URL(address);
      const own = [...cookies.values()].filter((one) => one.origin === origin && pathname.startsWith(one.path));
      const cookie = own.map((one) => `${one.name}=${one.value}`).join('; ');
      const answer = await fetch(address, { redirect: 'manual', headers: cookie ? { cookie } : {} });
      for (const line of answer.headers.getSetCookie()) {
        const [pair, ...attributes] = line.split('; ');
        const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
        const path = attributes.find((one) => one.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
        cookies.set(`${origin} ${name}`, { origin, name, value, path });
      }
      const location = answer.headers.get('location');
      if (!location) return { answer, body: await answer.json() };
      address = new URL(location, address).href;
      if (address.startsWith(site)) return { target: new URL(address), fragment: new URLSearchParams(new URL(address).hash.slice(1)) };
    }
    throw new Error('redirected for ever');
  };
}

async function manage(mutation, input, selection = '') {
  const kind = mutation[0].toUpperCase() + mutation.slice(1);
  const query = `mutation($input: ${kind}Input!) { ${mutation}(input: $input) { success code message ${selection} } }`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const variables = { input: { environmentId: environment, ...input } };
  const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const body = await answer.json();
  assert.equal(body.errors, undefined, JSON.stringify(body));
  return body.data[mutation];
}

function ok({ data, error }) {
  assert.equal(error, null, error && `${error.code} ${error.message}`);
  return data;
}

const quiet = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
const { issuer, server } = await provider();
try {
  assert.equal((await manage('updateAuthSettings', { siteUrl: site, redirectUrls: [`${site}/*`] })).success, true);
  const given = { name: 'acme', issuer, clientId: 'us', clientSecret: 'word' };
  assert.equal((await manage('setAuthProvider', { ...given, issuer: 'http://id.example' })).code, 'provider/address');
  assert.equal((await manage('setAuthProvider', { ...given, name: 'email' })).code, 'provider/name-invalid');
  // A secret that is not the right one: the browser comes back with what went wrong.
  assert.equal((await manage('setAuthProvider', given)).success, true);
  const asked = { provider: 'acme', options: { redirectTo: `${site}/welcome`, queryParams: { apikey: publishable } } };
  const leave = async (client = createClient(url, publishable, { auth: quiet })) => ok(await client.auth.signInWithOAuth(asked)).url;
  assert.equal((await browser()(await leave())).fragment.get('error_code'), 'bad_oauth_callback');
  const set = await manage('setAuthProvider', { ...given, clientSecret }, 'authProviders { name issuer clientId }');
  assert.deepEqual(set.authProviders, [{ name: 'acme', issuer, clientId: 'us' }]);

  // The session stands in the address, as Supabase's clients find it in a browser.
  const home = browser();
  const { target, fragment } = await home(await leave());
  assert.equal(target.pathname, '/welcome');
  const session = { access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token') };
  const ada = ok(await createClient(url, publishable, { auth: quiet }).auth.setSession(session)).user;
  assert.deepEqual([ada.email, ada.user_metadata.avatar_url, ada.app_metadata.providers], [
    'ada@example.com',
    people.ada.picture,
    ['email', 'acme'],
  ]);
  assert.equal(ada.identities.find((one) => one.provider === 'acme').identity_data.sub, 'ada');
  // Once more, and it is the same user.
  const again = (await home(await leave())).fragment.get('access_token');
  assert.equal(ok(await createClient(url, publishable, { auth: quiet }).auth.getUser(again)).user.id, ada.id);

  // Another browser than the one that left gets nothing.
  const address = await leave();
  const left = await fetch(address, { redirect: 'manual' });
  const stolen = await browser()(left.headers.get('location'));
  assert.equal(stolen.body.error_code, 'bad_oauth_state');
  const unknown = await fetch(`${url}/auth/v1/callback?state=${'0'.repeat(75)}&code=x`);
  assert.deepEqual([unknown.status, (await unknown.json()).error_code], [400, 'bad_oauth_state']);

  // A client that keeps a secret exchanges a code, whatever browser brought it.
  const storage = new Map();
  const kept = { getItem: (k) => storage.get(k) ?? null, setItem: (k, v) => storage.set(k, v), removeItem: (k) => storage.delete(k) };
  const pkce = createClient(url, publishable, { auth: { ...quiet, flowType: 'pkce', storage: kept, persistSession: true } });
  person = 'bea';
  const code = (await browser()(await leave(pkce))).target.searchParams.get('code');
  const thief = { grant_type: 'pkce', auth_code: code, code_verifier: 'x'.repeat(43) };
  assert.ok(thief.auth_code);
  const bea = ok(await pkce.auth.exchangeCodeForSession(code));
  assert.equal(bea.user.email, 'bea@example.com');
  const headers = { apikey: publishable, 'content-type': 'application/json' };
  const twice = { method: 'POST', headers, body: JSON.stringify(thief) };
  assert.equal((await (await fetch(`${url}/auth/v1/token?grant_type=pkce`, twice)).json()).error_code, 'flow_state_not_found');

  // An address that the provider does not vouch for leads to nobody's account.
  person = 'cid';
  const other = (await browser()(await leave())).fragment.get('access_token');
  const cid = ok(await createClient(url, publishable, { auth: quiet }).auth.getUser(other)).user;
  assert.notEqual(cid.id, ada.id);
  assert.equal(cid.email, '');

  // Who signed up with an address that was not theirs loses the account to whom it belongs.
  people.dan = { email: 'dan@example.com', email_verified: true, name: 'Dan' };
  const squatter = createClient(url, publishable, { auth: quiet });
  const squatted = ok(await squatter.auth.signUp({ email: 'dan@example.com', password: 'correct horse battery' })).user;
  person = 'dan';
  const dan = (await browser()(await leave())).fragment.get('access_token');
  assert.equal(ok(await createClient(url, publishable, { auth: quiet }).auth.getUser(dan)).user.id, squatted.id);
  assert.notEqual((await squatter.auth.refreshSession()).error, null);
  const back = await createClient(url, publishable, { auth: quiet }).auth.signInWithPassword({
    email: 'dan@example.com',
    password: 'correct horse battery',
  });
  assert.equal(back.error.code, 'invalid_credentials');

  // A secret key has no place in an address, and a provider that was removed is none.
  const spoken = await fetch((await leave()).replace(publishable, secret), { redirect: 'manual' });
  assert.equal(spoken.status, 401);
  await manage('removeAuthProvider', { name: 'acme' });
  assert.equal((await browser()(await leave())).body.error_code, 'provider_disabled');
} finally {
  server.closeAllConnections();
  server.close();
}
