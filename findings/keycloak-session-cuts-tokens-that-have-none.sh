#!/usr/bin/env bash
# Keycloak 26.7.3: client credentials make no session that could be refreshed, and yet the realm's longest session
# (ssoSessionMaxLifespan, 10 hours by default) cuts the life of their tokens: a client set to a day gets 36,000 s. A
# client's `access.token.lifespan` of -1 does not stand for the realm's life but for the session's. Trust `expires_in`,
# and for longer lives raise the realm's session, too.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

start_keycloak <<'END'
{"realm": "finding", "enabled": true, "accessTokenLifespan": 300, "clients": [
  {"clientId": "none", "secret": "s", "serviceAccountsEnabled": true},
  {"clientId": "hour", "secret": "s", "serviceAccountsEnabled": true, "attributes": {"access.token.lifespan": "3600"}},
  {"clientId": "day", "secret": "s", "serviceAccountsEnabled": true, "attributes": {"access.token.lifespan": "86400"}},
  {"clientId": "-1", "secret": "s", "serviceAccountsEnabled": true, "attributes": {"access.token.lifespan": "-1"}}
]}
END

# life CLIENT: of its token, by the claims.
life() {
    ask_token -d grant_type=client_credentials -d "client_id=$1" -d client_secret=s | python3 -c '
import base64, json, sys
said = json.loads(sys.stdin.readline())
claims = said["access_token"].split(".")[1]
claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
print(claims["exp"] - claims["iat"], "s,", "with" if "refresh_token" in said else "without", "a refresh token")'
}

seen=$(for client in none hour day -1; do echo "$client: $(life "$client")"; done)
judge "none: 300 s, without a refresh token
hour: 3600 s, without a refresh token
day: 36000 s, without a refresh token
-1: 36000 s, without a refresh token" "$seen"
