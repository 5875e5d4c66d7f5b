// oidc-provider with the clients of a file, on loopback: oidc_provider.mjs PORT CLIENTS
// It issues JWTs for the resource that is asked for (RFC 8707), and opaque tokens without one, as is its default.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const { clients, audience } = JSON.parse(readFileSync(file));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: clients.map(({ id, secret, key, algorithm }) => ({
    client_id: id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...(key
      ? { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: algorithm, jwks: { keys: [key] } }
      : { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }),
  })),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt' }),
    },
  },
});
provider.listen(port, '127.0.0.1');
