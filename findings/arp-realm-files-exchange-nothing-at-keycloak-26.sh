#!/usr/bin/env bash
# arp-sts-keycloak 0.2.2, whose realm file was made for Keycloak 24, at Keycloak 26.7.3: the import succeeds and every client gets
# tokens, but the gateway's exchange, without which no run starts, is refused. The client lacks the attribute
# `standard.token.exchange.enabled`; with it the exchange is still refused, because `audience` names a service that none of the
# gateway's mappers adds. Set the attribute, and give each client a mapper for each service that it calls.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

pip download --quiet --no-deps --dest "$work" arp-sts-keycloak==0.2.2
# The published realm, with two more clients like its gateway.
python3 - "$work"/arp_sts_keycloak-0.2.2-*.whl >"$work/realm.json" <<'END'
import copy, json, sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as package:
    realm = json.loads(package.read("arp_sts_keycloak/assets/realm-export.json"))
realm["realm"] = "finding"
gateway = next(client for client in realm["clients"] if client["clientId"] == "arp-run-gateway")


def another(name):
    client = copy.deepcopy(gateway)
    client.pop("id", None)
    client["clientId"] = name
    client["attributes"] = {"standard.token.exchange.enabled": "true"}
    realm["clients"].append(client)
    return client


another("with-attribute")
mapper = copy.deepcopy(gateway["protocolMappers"][0])
mapper["name"] = mapper["config"]["included.client.audience"] = "arp-run-coordinator"
another("with-mapper")["protocolMappers"].append(mapper)
print(json.dumps(realm))
END
start_keycloak <"$work/realm.json"

# A client's own token, exchanged for the coordinator.
exchanged() {
    local who=(-d client_id="$1" -d client_secret=arp-run-gateway-secret) token
    token=$(ask_token "${who[@]}" -d grant_type=client_credentials | grep -o '"access_token":"[^"]*' | cut -d'"' -f4)
    ask_token "${who[@]}" -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d "subject_token=$token" \
        -d subject_token_type=urn:ietf:params:oauth:token-type:access_token -d audience=arp-run-coordinator | python3 -c '
import json, sys
said = json.loads(sys.stdin.readline())
print(said.get("error_description", "token"))'
}

seen=$(for client in arp-run-gateway with-attribute with-mapper; do echo "$client: $(exchanged $client)"; done)
judge "arp-run-gateway: Standard token exchange is not enabled for the requested client
with-attribute: Requested audience not available: arp-run-coordinator
with-mapper: token" "$seen"
