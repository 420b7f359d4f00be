/** A request that works with nothing but the key: the key alone chooses the environment. */
export function curlExample(key: string, origin: string = window.location.origin): string {
  return `curl ${origin}/v1/data/posts \\\n  -H "X-API-Key: ${key}"`;
}
