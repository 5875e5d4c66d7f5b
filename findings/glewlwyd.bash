# shellcheck shell=bash
# Sourced by the findings on Glewlwyd: starts Glewlwyd 2.7.5-3+deb12u1 from Debian bookworm on a free port of loopback, with
# client credentials as its only flow and the client "c" with the secret "secret" and the scope "run"; ends it with the script.
# Nothing is installed into the system. Needs Debian 12 with apt-get, python3 and curl.
set -euo pipefail

work=$(mktemp -d)
trap 'end_glewlwyd' EXIT

start_glewlwyd() {
    local root=$work/root packages port
    mkdir "$root"
    # What apt would install that is not here yet; of an update the third word begins with "[".
    mapfile -t packages < <(apt-get install --simulate --no-install-recommends glewlwyd=2.7.5-3+deb12u1 |
        awk '$1 == "Inst" && $3 !~ /^\[/ && $2 !~ /^(dbconfig|default-mysql|fonts|libjs|mariadb-client|mysql-client)/ { print $2 }')
    (cd "$root" && apt-get download -qq "${packages[@]}" 2>/dev/null)
    local archive
    for archive in "$root"/*.deb; do dpkg-deb --extract "$archive" "$root"; done
    mkdir -p "$root/usr/lib/glewlwyd/user_middleware"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    url=http://127.0.0.1:$port/api/oidc
    openssl genpkey -algorithm RSA -out "$work/key.pem" 2>/dev/null
    openssl pkey -in "$work/key.pem" -pubout -out "$work/public.pem"
    python3 - "$work" "$port" <<'END'
import json, sqlite3, sys

work, port = sys.argv[1:]
library = work + "/root/usr/lib/glewlwyd/"
flows = ("code", "token", "id-token", "none", "password", "device", "refresh")
plugin = {"iss": f"http://127.0.0.1:{port}", "jwt-type": "rsa", "jwt-key-size": "256", "key": open(work + "/key.pem").read(),
          "cert": open(work + "/public.pem").read(), "access-token-duration": 300, "refresh-token-duration": 300,
          "code-duration": 300, "allow-non-oidc": True, "auth-type-client-enabled": True, "subject-type": "public",
          "refresh-token-rolling": False, **{f"auth-type-{flow}-enabled": False for flow in flows}}
with sqlite3.connect(work + "/g.db") as db:
    db.executescript(open(work + "/root/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read())
    db.execute("INSERT INTO g_plugin_module_instance (gpmi_module, gpmi_name, gpmi_parameters, gpmi_enabled)"
               " VALUES ('oidc', 'oidc', ?, 1)", [json.dumps(plugin)])
    db.execute("INSERT INTO g_scope (gs_name, gs_password_required, gs_enabled) VALUES ('run', 0, 1)")
    db.execute("INSERT INTO g_client (gc_id, gc_client_id, gc_confidential, gc_enabled) VALUES (1, 'c', 1, 1)")
    db.execute("INSERT INTO g_client_scope (gcs_id, gcs_name) VALUES (1, 'run')")
    db.execute("INSERT INTO g_client_scope_client (gc_id, gcs_id) VALUES (1, 1)")
    db.executemany("INSERT INTO g_client_property (gc_id, gcp_name, gcp_value) VALUES (1, ?, ?)",
                   [("authorization_type", "client_credentials"), ("client_secret", "secret"),
                    ("token_endpoint_auth_method", "client_secret_post")])
settings = {"external_url": f"http://127.0.0.1:{port}", "bind_address": "127.0.0.1", "api_prefix": "api", "hash_algorithm": "SHA512",
            "static_files_path": work, "login_url": "login.html", "session_key": "S", "log_mode": "console", "log_level": "ERROR",
            "admin_scope": "g_admin", "profile_scope": "g_profile", "client_module_path": library + "client",
            "user_module_path": library + "user", "user_middleware_module_path": library + "user_middleware",
            "user_auth_scheme_module_path": library + "scheme", "plugin_module_path": library + "plugin"}
with open(work + "/g.conf", "w") as file:
    file.write(f"port={port}\n" + "".join(f'{name}="{value}"\n' for name, value in settings.items()))
    file.write(f'database={{ type="sqlite3" path="{work}/g.db" }};\n')
END
    LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu*) \
        "$root/usr/bin/glewlwyd" --config-file="$work/g.conf" >"$work/log" 2>&1 &
    glewlwyd=$!
    for _ in $(seq 300); do
        if curl -sf -o "$work/found" "$url/.well-known/openid-configuration"; then return; fi
        kill -0 "$glewlwyd" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/log" >&2
    return 1
}

end_glewlwyd() {
    if [[ -n ${glewlwyd-} ]]; then
        kill "$glewlwyd" 2>/dev/null || true
        wait "$glewlwyd" || true
    fi
    rm -rf "$work"
}

# judge EXPECTED SEEN: prints what was seen, and fails if it is something else.
judge() {
    printf 'Glewlwyd 2.7.5\n%s\n' "$2"
    [[ $2 == "$1" ]] || { printf 'The behaviour has changed; seen before:\n%s\n' "$1" >&2; exit 1; }
}
