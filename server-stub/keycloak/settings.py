"""More of what Keycloak is asked: what its settings change, where its limits lie, and who it thinks it is."""

from cases import CERTS, DISCOVERY, OK, TOKEN, Case, exchange, own, signed, without

ISSUER = "/realms/wire"
PAR = "{issuer}/protocol/openid-connect/ext/par/request"
CIBA = "{issuer}/protocol/openid-connect/ext/ciba/auth"
OTHER = {"Host": "other.example:8443"}
OTHER_URL = "http://other.example:8443"
HOSTNAME = "https://sts.example"
INTROSPECT = "{token_endpoint}/introspect"


def grant(client, kind, *fields):
    """A request for another grant, by a secret."""
    return [("grant_type", kind), ("client_id", client), ("client_secret", f"{client}-secret"), *fields]


def keys(text):
    """An administrator replaces the keys of the client `rolling`: names of keys, `a=b` for key b under the kid a."""
    return ("client", "rolling", {"attributes": {"jwks.string": f"<jwks {text}>"}})


SETTINGS = [
    # Times, each limit from both sides. The margin leaves time for the request.
    Case("iat_57_seconds_ago", OK, form=signed("jwt-es", claims={"iat": "now-57", "exp": "now+30"})),
    Case("iat_64_seconds_ago", "400 invalid_client Token was issued too far in the past to be used now", form=signed("jwt-es", claims={"iat": "now-64", "exp": "now+30"})),
    Case("iat_in_12_seconds", OK, form=signed("jwt-es", claims={"iat": "now+12", "exp": "now+60"})),
    Case("iat_in_19_seconds", "400 invalid_client Token was issued in the future", form=signed("jwt-es", claims={"iat": "now+19", "exp": "now+60"})),
    Case("nbf_in_12_seconds", OK, form=signed("jwt-es", claims={"nbf": "now+12"})),
    Case("nbf_in_19_seconds", "400 invalid_client Token is not active", form=signed("jwt-es", claims={"nbf": "now+19"})),
    Case("nbf_long_ago", OK, form=signed("jwt-es", claims={"nbf": "now-86400"})),
    Case("exp_in_4_seconds", OK, form=signed("jwt-es", claims={"exp": "now+4"})),
    Case("exp_3_seconds_ago", "400 invalid_client Token is not active", form=signed("jwt-es", claims={"exp": "now-3"})),
    Case("exp_before_iat", "400 invalid_client", form=signed("jwt-es", claims={"iat": "now+10", "exp": "now+5"})),
    Case("exp_in_ten_years", OK, form=signed("jwt-es", claims={"exp": "now+315360000"})),
    Case("no_iat_exp_in_56_seconds", OK, form=signed("jwt-es", claims={"iat": None, "exp": "now+56"})),
    Case("no_iat_exp_in_66_seconds", "400 invalid_client Token expiration is too far in the future and iat claim not present in token", form=signed("jwt-es", claims={"iat": None, "exp": "now+66"})),
    Case("no_iat_no_exp", "400 invalid_client Token exp claim is required", form=signed("jwt-es", claims={"iat": None, "exp": None})),
    Case("clock_a_minute_ahead", "400 invalid_client Token was issued in the future", form=signed("jwt-es", claims={"iat": "now+60", "exp": "now+120"})),
    Case("clock_a_minute_behind", "400 invalid_client Token is not active", form=signed("jwt-es", claims={"iat": "now-63", "exp": "now-3"})),
    Case("clock_a_minute_behind_long_exp", "400 invalid_client Token was issued too far in the past to be used now", form=signed("jwt-es", claims={"iat": "now-63", "exp": "now+237"})),
    Case("exp_as_text", "401 invalid_client", form=signed("jwt-es", claims={"exp": "soon"})),
    # Audiences of assertions.
    Case("audience_introspection", OK, form=signed("jwt-es", claims={"aud": INTROSPECT})),
    Case("audience_pushed_authorisation", OK, form=signed("jwt-es", claims={"aud": PAR})),
    Case("audience_backchannel_authentication", OK, form=signed("jwt-es", claims={"aud": CIBA})),
    Case("audience_revocation", "400 invalid_client Invalid token audience", form=signed("jwt-es", claims={"aud": "{issuer}/protocol/openid-connect/revoke"})),
    Case("audience_endpoint_in_a_list", OK, form=signed("jwt-es", claims={"aud": ["{token_endpoint}"]})),
    Case("audience_empty_list", "400 invalid_client Invalid token audience", form=signed("jwt-es", claims={"aud": []})),
    Case("audience_issuer_twice", "400 invalid_client Multiple audiences not allowed", form=signed("jwt-es", claims={"aud": ["{issuer}", "{issuer}"]})),
    # The key of a client changes.
    Case("key_first", OK, form=signed("rolling", key="jwt-es", algorithm="ES256")),
    Case("key_not_there_yet", "400 invalid_client Unable to load public key", form=signed("rolling", key="next", algorithm="ES256")),
    Case("key_old_during_overlap", OK, form=signed("rolling", key="jwt-es", algorithm="ES256"), before=[keys("jwt-es next")]),
    Case("key_new_during_overlap", OK, form=signed("rolling", key="next", algorithm="ES256")),
    Case("key_first_without_kid_during_overlap", OK, form=signed("rolling", key="jwt-es", algorithm="ES256", header={"kid": None})),
    Case("key_second_without_kid_during_overlap", "400 invalid_client Client authentication with signed JWT failed: Signature on JWT token failed validation", form=signed("rolling", key="next", algorithm="ES256", header={"kid": None})),
    Case("key_new_under_the_old_kid", "400 invalid_client Client authentication with signed JWT failed: Signature on JWT token failed validation", form=signed("rolling", key="next", algorithm="ES256", header={"kid": "jwt-es"})),
    Case("key_old_after_overlap", "400 invalid_client Unable to load public key", form=signed("rolling", key="jwt-es", algorithm="ES256"), before=[keys("next")]),
    Case("key_old_without_kid_after_overlap", "400 invalid_client Client authentication with signed JWT failed: Signature on JWT token failed validation", form=signed("rolling", key="jwt-es", algorithm="ES256", header={"kid": None})),
    Case("key_new_after_overlap", OK, form=signed("rolling", key="next", algorithm="ES256")),
    Case("key_replaced_under_its_kid_old", "400 invalid_client Client authentication with signed JWT failed: Signature on JWT token failed validation", form=signed("rolling", key="next", algorithm="ES256"), before=[keys("next=stranger")]),
    Case("key_replaced_under_its_kid_new", OK, form=signed("rolling", key="stranger", algorithm="ES256", header={"kid": "next"})),
    Case("key_for_another_algorithm_only", "400 invalid_client Unable to load public key", form=signed("rolling", key="jwt-es", algorithm="ES256", header={"kid": None}), before=[keys("jwt-ed")]),
    Case("key_none_left", "400 invalid_client Unable to load public key", form=signed("rolling", key="jwt-es", algorithm="ES256"), before=[keys("")]),
    Case("kid_empty", "400 invalid_client Unable to load public key", form=signed("jwt-es", header={"kid": ""})),
    # Ways to prove a client that the node does not have.
    Case("secret_jwt_client_by_secret", "400 invalid_client Parameter client_assertion_type is missing", form=own("secret-jwt")),
    Case("secret_jwt_client_by_key", "400 invalid_client Invalid signature algorithm", form=signed("secret-jwt", key="jwt-es", algorithm="ES256")),
    Case("secret_jwt_client", OK, form=signed("secret-jwt", algorithm="HS256")),
    Case("x509_client_by_secret", "401 invalid_client", form=own("x509")),
    Case("x509_client_by_key", "401 invalid_client", form=signed("x509", key="jwt-es", algorithm="ES256")),
    Case("x509_client_by_key_with_client_id", "401 invalid_client", form=signed("x509", ("client_id", "x509"), key="jwt-es", algorithm="ES256")),
    # Lives of access tokens.
    Case("life_of_a_day", "200 36000 s", form=own("long")),
    Case("life_of_minus_one", "200 300 s", form=own("forever")),
    Case("life_of_nought", "200 0 s", form=own("nought")),
    Case("life_of_the_clients_session", "200 30 s", form=own("session")),
    Case("life_of_the_realm_minus_one", "200 36000 s", form=own("plain"), before=[("realm", {"accessTokenLifespan": -1})]),
    Case("life_of_the_realm", "200 20 s", form=own("plain"), before=[("realm", {"accessTokenLifespan": 20})]),
    Case("life_of_the_client_beside_the_realms", "200 10 s", form=own("short")),
    Case("lasting_subject", "200 20 s", form=own("svc")),
    Case("life_of_the_realm_in_an_exchange", "200 20 s", form=exchange("svc", "{token lasting_subject}")),
    Case("life_limited_by_the_session", "200 60 s", form=own("plain"), before=[("realm", {"accessTokenLifespan": 300, "ssoSessionMaxLifespan": 60})]),
    Case("life_not_limited_by_an_idle_session", "200 300 s", form=own("plain"), before=[("realm", {"ssoSessionMaxLifespan": 36000, "ssoSessionIdleTimeout": 30})]),
    Case("subject_of_ten_seconds", "200 10 s", form=own("ten"), before=[("realm", {"ssoSessionIdleTimeout": 1800})]),
    Case("life_in_an_exchange_of_a_short_subject", "200 300 s", form=exchange("svc", "{token subject_of_ten_seconds}")),
    # What else a client's settings change.
    Case("lightweight", OK, form=own("lightweight")),
    Case("exchange_of_lightweight", "200", form=exchange("lightweight", "{token lightweight}")),
    Case("exchange_of_lightweight_for_an_audience", OK, form=exchange("lightweight", "{token lightweight}", ("audience", "target"))),
    Case("lightweight_with_audience", OK, form=own("light")),
    Case("narrow", OK, form=own("narrow")),
    Case("exchange_by_narrow", OK, form=exchange("narrow", "{token narrow}")),
    Case("consent", OK, form=own("consent")),
    Case("exchange_with_consent", "400 invalid_request", form=exchange("consent", "{token consent}")),
    Case("direct_grant", "401 invalid_grant Invalid user credentials", form=grant("direct", "password", ("username", "nobody"), ("password", "x"))),
    Case("direct_grant_without_username", "401 invalid_grant", form=grant("direct", "password", ("password", "x"))),
    Case("direct_grant_without_password", "401 invalid_grant Invalid user credentials", form=grant("direct", "password", ("username", "nobody"))),
    Case("code_grant_without_code", "400 invalid_request", form=grant("svc", "authorization_code")),
    Case("code_grant", "400 unauthorized_client", form=grant("svc", "authorization_code", ("code", "x"))),
    Case("device_grant", "400 unauthorized_client", form=grant("svc", "urn:ietf:params:oauth:grant-type:device_code", ("device_code", "x"))),
    Case("backchannel_grant", "400 unauthorized_client", form=grant("svc", "urn:openid:params:grant-type:ciba", ("auth_req_id", "x"))),
    Case("jwt_bearer_grant", "400 unsupported_grant_type", form=grant("svc", "urn:ietf:params:oauth:grant-type:jwt-bearer", ("assertion", "x"))),
    Case("saml_bearer_grant", "400 unsupported_grant_type", form=grant("svc", "urn:ietf:params:oauth:grant-type:saml2-bearer", ("assertion", "x"))),
    Case("ticket_grant", "400", form=grant("svc", "urn:ietf:params:oauth:grant-type:uma-ticket")),
    Case("ticket_grant_wrong_secret", "401 unauthorized_client", form=[("client_secret", "wrong"), *without(grant("svc", "urn:ietf:params:oauth:grant-type:uma-ticket"), "client_secret")]),
    Case("code_grant_wrong_secret", "401 unauthorized_client", form=[("client_secret", "wrong"), *without(grant("svc", "authorization_code", ("code", "x")), "client_secret")]),
    Case("refresh_grant_without_token", "400 invalid_request No refresh token", form=grant("svc", "refresh_token")),
    # Whom it thinks it is: no hostname is configured.
    Case("discovery_at_another_host", OK, method="GET", path=DISCOVERY, headers=OTHER),
    Case("discovery_at_a_host_in_capitals", OK, method="GET", path=DISCOVERY, headers={"Host": "OTHER.example:8443"}),
    Case("discovery_at_the_default_port", OK, method="GET", path=DISCOVERY, headers={"Host": "other.example:80"}),
    Case("discovery_without_a_port", OK, method="GET", path=DISCOVERY, headers={"Host": "other.example"}),
    Case("discovery_forwarded", OK, method="GET", path=DISCOVERY, headers={"X-Forwarded-Host": "front.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "Forwarded": "host=front.example;proto=https"}),
    Case("token_at_another_host", OK, form=own("svc"), headers=OTHER),
    Case("exchange_at_another_host_of_its_own", OK, form=exchange("svc", "{token token_at_another_host}"), headers=OTHER),
    Case("exchange_here_of_another_hosts", "400 invalid_request Invalid token", form=exchange("svc", "{token token_at_another_host}")),
    Case("token_here", OK, form=own("svc")),
    Case("exchange_at_another_host_of_this_ones", "400 invalid_request Invalid token", form=exchange("svc", "{token token_here}"), headers=OTHER),
    Case("assertion_at_another_host_for_it", OK, form=signed("jwt-es", claims={"aud": OTHER_URL + ISSUER}), headers=OTHER),
    Case("assertion_at_another_host_for_its_endpoint", OK, form=signed("jwt-es", claims={"aud": OTHER_URL + TOKEN}), headers=OTHER),
    Case("assertion_at_another_host_for_this_one", "400 invalid_client Invalid token audience", form=signed("jwt-es"), headers=OTHER),
    Case("assertion_here_for_another_host", "400 invalid_client Invalid token audience", form=signed("jwt-es", claims={"aud": OTHER_URL + ISSUER})),
    # Names of realms.
    Case("realm_in_capitals", "404 Realm does not exist", path=TOKEN.replace("wire", "WIRE"), form=own("svc")),
    Case("realm_percent_encoded", OK, path=TOKEN.replace("wire", "%77ire"), form=own("svc")),
    Case("realm_empty", "404", path=TOKEN.replace("wire", ""), form=own("svc")),
    Case("realm_alone_posted", "405", path=ISSUER, form=own("svc")),
    Case("realm_alone", OK, method="GET", path=ISSUER),
    # Not before: what was issued earlier is revoked.
    Case("subject_before_revocation", OK, form=own("svc")),
    Case("exchange_after_realms_revocation", "400 invalid_request Invalid token", form=exchange("svc", "{token subject_before_revocation}"), before=[("wait", 2), ("realm", {"notBefore": "now"})]),
    Case("token_after_realms_revocation", OK, form=own("svc")),
    Case("exchange_of_a_token_after_revocation", OK, form=exchange("svc", "{token token_after_realms_revocation}")),
    Case("token_before_a_realms_day", OK, form=own("svc"), before=[("realm", {"notBefore": "now+3600"})]),
    Case("exchange_before_a_realms_day", "400 invalid_request Invalid token", form=exchange("svc", "{token token_before_a_realms_day}")),
    Case("assertion_before_a_realms_day", OK, form=signed("jwt-es")),
    Case("exchange_after_clients_revocation", "400 invalid_request Invalid token", form=exchange("svc", "{token token_after_realms_revocation}"), before=[("realm", {"notBefore": 0}), ("wait", 2), ("client", "svc", {"notBefore": "now"})]),
    Case("token_after_clients_revocation", OK, form=own("svc")),
    Case("exchange_after_another_clients_revocation", OK, form=exchange("svc", "{token token_after_clients_revocation}"), before=[("client", "svc", {"notBefore": 0}), ("client", "target", {"notBefore": "now+3600"})]),
    # The secret changes.
    Case("old_secret", "401 unauthorized_client", form=own("plain"), before=[("client", "plain", {"secret": "another"})]),
    Case("new_secret", OK, form=own("plain", secret="another")),
    # The keys of the realm grow older.
    Case("subject_of_this_key", OK, form=own("svc")),
    Case("certs_with_a_passive_key", OK, method="GET", path=CERTS, before=[("keys", "passive")]),
    Case("exchange_of_a_passive_key", OK, form=exchange("svc", "{token subject_of_first_key}")),
    Case("certs_with_a_disabled_key", OK, method="GET", path=CERTS, before=[("keys", "disable")]),
    Case("exchange_of_a_disabled_key", "400 invalid_request Invalid token", form=exchange("svc", "{token subject_of_first_key}")),
    Case("exchange_of_the_key_that_stays", OK, form=exchange("svc", "{token subject_of_this_key}")),
    # The realm wants TLS, which this is not.
    Case("tls_for_those_from_outside", OK, form=own("svc"), before=[("realm", {"sslRequired": "external"})]),
    Case("tls_for_all", "403 invalid_request HTTPS required", form=own("svc"), before=[("realm", {"sslRequired": "all"})]),
    Case("tls_for_all_wrong_secret", "403 invalid_request HTTPS required", form=own("svc", secret="wrong")),
    Case("tls_for_all_by_get", "405", method="GET"),
    Case("tls_for_all_discovery", "403", method="GET", path=DISCOVERY),
    Case("tls_for_all_certs", "403", method="GET", path=CERTS),
    Case("tls_for_all_forwarded", "403 invalid_request HTTPS required", form=own("svc"), headers={"X-Forwarded-Proto": "https"}),
    # The realm is disabled.
    Case("disabled_realm", "403 access_denied Realm not enabled", form=own("svc"), before=[("realm", {"sslRequired": "none", "enabled": False})]),
    Case("disabled_realm_wrong_secret", "403 access_denied Realm not enabled", form=own("svc", secret="wrong")),
    Case("disabled_realm_unknown_grant", "403 access_denied Realm not enabled", form=grant("svc", "magic")),
    Case("disabled_realm_discovery", "403", method="GET", path=DISCOVERY),
    Case("disabled_realm_certs", "403", method="GET", path=CERTS),
    Case("enabled_realm", OK, form=own("svc"), before=[("realm", {"enabled": True})]),
]

# With `--hostname https://sts.example --hostname-backchannel-dynamic true`, which is what the stub's `--issuer` does.
NAMED = [
    Case("discovery", OK, method="GET", path=DISCOVERY),
    Case("discovery_at_another_host", OK, method="GET", path=DISCOVERY, headers=OTHER),
    Case("token", OK, form=own("svc")),
    Case("token_at_another_host", OK, form=own("svc"), headers=OTHER),
    Case("exchange", OK, form=exchange("svc", "{token token}")),
    Case("exchange_of_another_hosts", OK, form=exchange("svc", "{token token_at_another_host}")),
    Case("assertion_for_the_hostname", OK, form=signed("jwt-es", claims={"aud": HOSTNAME + ISSUER})),
    Case("assertion_for_the_hostnames_endpoint", OK, form=signed("jwt-es", claims={"aud": HOSTNAME + TOKEN})),
    Case("assertion_for_the_address", "400 invalid_client Invalid token audience", form=signed("jwt-es")),
    Case("assertion_for_the_addresss_endpoint", OK, form=signed("jwt-es", claims={"aud": "{token_endpoint}"})),
    Case("assertion_for_the_addresss_introspection", OK, form=signed("jwt-es", claims={"aud": INTROSPECT})),
    Case("assertion_for_the_hostname_with_slash", "400 invalid_client Invalid token audience", form=signed("jwt-es", claims={"aud": HOSTNAME + ISSUER + "/"})),
]
