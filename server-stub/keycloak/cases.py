"""What Keycloak is asked, and what was expected of it before it was asked (expectations: status and error).

A value in a form is text in which `{issuer}`, `{token_endpoint}` and `{token NAME}` (the access token of an earlier
answer) are filled in, or an `Assertion`.
"""

from dataclasses import dataclass, field

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = "/realms/wire/protocol/openid-connect/token"
CERTS = "/realms/wire/protocol/openid-connect/certs"
DISCOVERY = "/realms/wire/.well-known/openid-configuration"


@dataclass
class Assertion:
    """A client assertion (RFC 7523). `claims` and `header` replace members of a right one, None removes them; text such
    as `now+60` is seconds since 1970. `key`: the name of the key that signs, the client's by default."""

    client: str
    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    algorithm: str | None = None
    key: str | None = None
    # The `jti` of this case is used again.
    again: str | None = None


@dataclass
class Case:
    """One request and the expected answer."""

    name: str
    expected: str
    form: list | None = None
    method: str = "POST"
    path: str = TOKEN
    headers: dict = field(default_factory=dict)
    body: str | None = None
    # What happens before: ("rotate",), a new signing key; ("keys", "passive" or "disable"), the older ones;
    # ("client", ID, CHANGES) and ("realm", CHANGES), as an administrator makes them; ("wait", SECONDS).
    before: list = field(default_factory=list)


def own(client, *fields, secret=None):
    """A token for the client itself, by a secret in the form."""
    return [("grant_type", "client_credentials"), ("client_id", client),
            ("client_secret", secret or f"{client}-secret"), *fields]


def signed(client, *fields, **assertion):
    """A token for the client itself, by an assertion."""
    return [("grant_type", "client_credentials"), ("client_assertion_type", BEARER),
            ("client_assertion", Assertion(client, **assertion)), *fields]


def exchange(client, subject, *fields, kind=ACCESS):
    """An exchange of a token."""
    return [("grant_type", EXCHANGE), ("client_id", client), ("client_secret", f"{client}-secret"),
            ("subject_token", subject), ("subject_token_type", kind), *fields]


def without(form, *names):
    """The form without these fields."""
    return [(name, value) for name, value in form if name not in names]


def basic(user_and_password):
    """The header of client_secret_basic; both parts are in their final encoding."""
    import base64
    return {"Authorization": "Basic " + base64.b64encode(user_and_password.encode()).decode()}


OK = "200"

CASES = [
    # Discovery, keys, paths and methods.
    Case("discovery", OK, method="GET", path=DISCOVERY),
    Case("discovery_head", OK, method="HEAD", path=DISCOVERY),
    Case("discovery_post", "405", path=DISCOVERY, form=[]),
    Case("discovery_slash", "404", method="GET", path=DISCOVERY + "/"),
    Case("certs", OK, method="GET", path=CERTS),
    Case("certs_post", "405", path=CERTS, form=[]),
    Case("certs_unknown_realm", "404 Realm does not exist", method="GET", path=CERTS.replace("wire", "nobody")),
    Case("unknown_realm", "404 Realm does not exist", path=TOKEN.replace("wire", "nobody"), form=own("svc")),
    Case("unknown_path", "404", method="GET", path="/realms/wire/protocol/openid-connect/tokens"),
    Case("root_path", "404", method="GET", path="/nothing"),
    Case("old_auth_path", "404", path="/auth" + TOKEN, form=own("svc")),
    Case("token_get", "405", method="GET"),
    Case("token_put", "405", method="PUT", form=own("svc")),
    Case("token_options", OK, method="OPTIONS"),
    Case("token_slash", "404", path=TOKEN + "/", form=own("svc")),
    Case("token_double_slash", "404", path=TOKEN.replace("/protocol", "//protocol"), form=own("svc")),
    # Media types and bodies.
    Case("json_body", "415", headers={"Content-Type": "application/json"}, body='{"grant_type":"client_credentials"}'),
    Case("no_content_type", "415", headers={"Content-Type": None}, body="grant_type=client_credentials"),
    Case("charset", OK, form=own("svc"), headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}),
    Case("accept_html", OK, form=own("svc"), headers={"Accept": "text/html"}),
    Case("accept_jwt", "406", form=own("svc"), headers={"Accept": "application/jwt"}),
    Case("empty_body", "400 invalid_request", form=[]),
    Case("bad_percent", "400 invalid_request", headers=FORM, body="grant_type=client_credentials&client_id=svc&client_secret=%zz"),
    Case("parameters_in_the_query", "400 invalid_request", path=TOKEN + "?grant_type=client_credentials", form=[]),
    Case("method_override", OK, form=own("svc"), headers={"X-HTTP-Method-Override": "GET"}),
    # Grants.
    Case("no_grant", "400 invalid_request", form=without(own("svc"), "grant_type")),
    Case("empty_grant", "400 unsupported_grant_type", form=[("grant_type", ""), *without(own("svc"), "grant_type")]),
    Case("unknown_grant", "400 unsupported_grant_type", form=[("grant_type", "magic"), *without(own("svc"), "grant_type")]),
    Case("unknown_grant_wrong_secret", "400 unsupported_grant_type", form=[("grant_type", "magic"), ("client_id", "svc"), ("client_secret", "wrong")]),
    Case("grant_in_capitals", "400 unsupported_grant_type", form=[("grant_type", "CLIENT_CREDENTIALS"), *without(own("svc"), "grant_type")]),
    Case("doubled_grant", "400 invalid_request", form=[*own("svc"), ("grant_type", "client_credentials")]),
    Case("doubled_client_id", "400 invalid_request", form=[*own("svc"), ("client_id", "svc")]),
    Case("doubled_scope", "400 invalid_request", form=own("svc", ("scope", "profile"), ("scope", "email"))),
    Case("doubled_unknown", OK, form=own("svc", ("x", "1"), ("x", "2"))),
    Case("refresh_token_grant", "400 invalid_grant", form=[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "svc"), ("client_secret", "svc-secret")]),
    Case("password_grant", "400 unauthorized_client", form=[("grant_type", "password"), ("username", "a"), ("password", "b"), ("client_id", "svc"), ("client_secret", "svc-secret")]),
    # Clients by secret.
    Case("secret_in_the_form", OK, form=own("svc")),
    Case("secret_in_the_header", OK, form=[("grant_type", "client_credentials")], headers=basic("svc:svc-secret")),
    Case("header_and_form_agree", OK, form=own("svc"), headers=basic("svc:svc-secret")),
    Case("header_wrong_form_right", OK, form=own("svc"), headers=basic("svc:wrong")),
    Case("header_right_form_wrong", "401 unauthorized_client", form=own("svc", secret="wrong"), headers=basic("svc:svc-secret")),
    Case("header_of_another_client", OK, form=own("svc"), headers=basic("plain:plain-secret")),
    Case("wrong_secret", "401 unauthorized_client", form=own("svc", secret="wrong")),
    Case("wrong_secret_in_the_header", "401 unauthorized_client", form=[("grant_type", "client_credentials")], headers=basic("svc:wrong")),
    Case("empty_secret", "401 unauthorized_client", form=[("grant_type", "client_credentials"), ("client_id", "svc"), ("client_secret", "")]),
    Case("no_secret", "401 unauthorized_client", form=[("grant_type", "client_credentials"), ("client_id", "svc")]),
    Case("no_client", "400 invalid_client", form=[("grant_type", "client_credentials")]),
    Case("unknown_client", "401 invalid_client", form=own("nobody")),
    Case("client_in_capitals", "401 invalid_client", form=own("SVC", secret="svc-secret")),
    Case("disabled_client", "401 invalid_client", form=own("off")),
    Case("disabled_client_wrong_secret", "401 invalid_client", form=own("off", secret="wrong")),
    Case("no_service_account", "401 unauthorized_client", form=own("no-account")),
    Case("public_client", "401 unauthorized_client", form=[("grant_type", "client_credentials"), ("client_id", "public")]),
    Case("public_client_with_secret", "401 unauthorized_client", form=own("public")),
    Case("bearer_only_client", "401 unauthorized_client", form=own("bearer")),
    Case("client_of_keys_by_secret", "401 unauthorized_client", form=own("jwt-es")),
    Case("client_id_with_a_space", OK, form=own("with space", secret="s p+a:c%e&=")),
    Case("encoded_basic", OK, form=[("grant_type", "client_credentials")], headers=basic("with+space:s+p%2Ba%3Ac%25e%26%3D")),
    Case("encoded_basic_with_percent", OK, form=[("grant_type", "client_credentials")], headers=basic("with%20space:s%20p%2Ba%3Ac%25e%26%3D")),
    Case("plain_basic", "401", form=[("grant_type", "client_credentials")], headers=basic("with space:s p+a:c%e&=")),
    Case("basic_in_lower_case", OK, form=[("grant_type", "client_credentials")], headers={"Authorization": basic("svc:svc-secret")["Authorization"].replace("Basic", "basic")}),
    Case("basic_without_colon", "400 invalid_client", form=[("grant_type", "client_credentials")], headers=basic("svc")),
    Case("basic_not_base64", "400 invalid_client", form=[("grant_type", "client_credentials")], headers={"Authorization": "Basic ***"}),
    Case("bearer_header_beside_form", OK, form=own("svc"), headers={"Authorization": "Bearer abc"}),
    # What is granted.
    Case("plain_client", OK, form=own("plain")),
    Case("client_of_optional_scopes_only", OK, form=own("bare")),
    Case("short_life", OK, form=own("short")),
    Case("audience_of_client_credentials", OK, form=own("plain", ("audience", "target"))),
    Case("resource_of_client_credentials", OK, form=own("plain", ("resource", "https://target.example"))),
    Case("scope_openid", OK, form=own("svc", ("scope", "openid"))),
    Case("scope_default", OK, form=own("svc", ("scope", "profile"))),
    Case("scope_optional", OK, form=own("svc", ("scope", "extra"))),
    Case("scope_unknown", "400 invalid_scope", form=own("svc", ("scope", "nonsense"))),
    Case("scope_not_the_clients", "400 invalid_scope", form=own("plain", ("scope", "extra"))),
    Case("scope_empty", OK, form=own("svc", ("scope", ""))),
    Case("scope_twice_in_one", OK, form=own("svc", ("scope", "extra extra"))),
    Case("scope_two_spaces", OK, form=own("svc", ("scope", "extra  profile"))),
    # Assertions.
    Case("es256", OK, form=signed("jwt-es")),
    Case("eddsa", OK, form=signed("jwt-ed")),
    Case("rs256", OK, form=signed("jwt-rs")),
    Case("ps256", OK, form=signed("jwt-ps", algorithm="PS256")),
    Case("any_algorithm_es256", OK, form=signed("jwt-any", key="jwt-es", algorithm="ES256")),
    Case("any_algorithm_eddsa", OK, form=signed("jwt-any", key="jwt-ed", algorithm="EdDSA")),
    Case("any_algorithm_ed25519_of_rfc_9864", "400 invalid_client", form=signed("jwt-any", key="jwt-ed", algorithm="EdDSA", header={"alg": "Ed25519"})),
    Case("any_algorithm_ps256_with_rs256_key", OK, form=signed("jwt-any", key="jwt-rs", algorithm="PS256")),
    Case("algorithm_not_the_clients", "400 invalid_client", form=signed("jwt-rs", algorithm="PS256")),
    Case("assertion_with_client_id", OK, form=signed("jwt-es", ("client_id", "jwt-es"))),
    Case("assertion_with_other_client_id", "400 invalid_client", form=signed("jwt-es", ("client_id", "svc"))),
    Case("assertion_and_secret", OK, form=signed("jwt-es", ("client_secret", "x"))),
    Case("assertion_for_client_of_secrets", "400 invalid_client", form=signed("svc", key="jwt-es", algorithm="ES256")),
    Case("assertion_type_missing", "400 invalid_client", form=without(signed("jwt-es"), "client_assertion_type")),
    Case("assertion_type_wrong", "400 invalid_client", form=[("client_assertion_type", "jwt"), *without(signed("jwt-es"), "client_assertion_type")]),
    Case("assertion_missing", "400 invalid_client", form=without(signed("jwt-es"), "client_assertion")),
    Case("assertion_not_a_jwt", "400 invalid_client", form=[("grant_type", "client_credentials"), ("client_assertion_type", BEARER), ("client_assertion", "abc")]),
    Case("assertion_audience_issuer", OK, form=signed("jwt-es", claims={"aud": "{issuer}"})),
    Case("assertion_audience_endpoint", OK, form=signed("jwt-es", claims={"aud": "{token_endpoint}"})),
    Case("assertion_audience_issuer_in_a_list", OK, form=signed("jwt-es", claims={"aud": ["{issuer}"]})),
    Case("assertion_two_audiences", "400 invalid_client", form=signed("jwt-es", claims={"aud": ["{issuer}", "{token_endpoint}"]})),
    Case("assertion_audience_with_slash", "400 invalid_client", form=signed("jwt-es", claims={"aud": "{issuer}/"})),
    Case("assertion_audience_other", "400 invalid_client", form=signed("jwt-es", claims={"aud": "https://elsewhere.example"})),
    Case("assertion_audience_missing", "400 invalid_client", form=signed("jwt-es", claims={"aud": None})),
    Case("assertion_issuer_other", "400 invalid_client", form=signed("jwt-es", claims={"iss": "svc"})),
    Case("assertion_issuer_missing", "400 invalid_client", form=signed("jwt-es", claims={"iss": None})),
    Case("assertion_subject_missing", "400 invalid_client", form=signed("jwt-es", claims={"sub": None})),
    Case("assertion_of_unknown_client", "401 invalid_client", form=signed("nobody", key="jwt-es", algorithm="ES256")),
    Case("assertion_of_disabled_client", "401 invalid_client", form=signed("off", key="jwt-es", algorithm="ES256")),
    Case("assertion_expired", "400 invalid_client", form=signed("jwt-es", claims={"iat": "now-120", "exp": "now-60"})),
    Case("assertion_expired_ten_seconds_ago", OK, form=signed("jwt-es", claims={"iat": "now-40", "exp": "now-10"})),
    Case("assertion_for_an_hour", "400 invalid_client", form=signed("jwt-es", claims={"exp": "now+3600"})),
    Case("assertion_for_90_seconds", "400 invalid_client", form=signed("jwt-es", claims={"exp": "now+90"})),
    Case("assertion_without_expiry", "400 invalid_client", form=signed("jwt-es", claims={"exp": None})),
    Case("assertion_without_iat", "400 invalid_client", form=signed("jwt-es", claims={"iat": None})),
    Case("assertion_iat_in_ten_seconds", OK, form=signed("jwt-es", claims={"iat": "now+10", "exp": "now+60"})),
    Case("assertion_iat_in_ten_minutes", "400 invalid_client", form=signed("jwt-es", claims={"iat": "now+600", "exp": "now+640"})),
    Case("assertion_iat_ten_minutes_ago", "400 invalid_client", form=signed("jwt-es", claims={"iat": "now-600", "exp": "now+30"})),
    Case("assertion_not_before_in_ten_minutes", "400 invalid_client", form=signed("jwt-es", claims={"nbf": "now+600"})),
    Case("assertion_without_jti", "400 invalid_client", form=signed("jwt-es", claims={"jti": None})),
    Case("assertion_used_again", "400 invalid_client", form=signed("jwt-es", again="es256")),
    Case("assertion_without_kid", OK, form=signed("jwt-es", header={"kid": None})),
    Case("assertion_of_unknown_kid", "400 invalid_client", form=signed("jwt-es", header={"kid": "nobody"})),
    Case("assertion_without_typ", OK, form=signed("jwt-es", header={"typ": None})),
    Case("assertion_of_another_key", "400 invalid_client", form=signed("jwt-es", key="stranger", algorithm="ES256", header={"kid": "jwt-es"})),
    Case("assertion_alg_none", "400 invalid_client", form=signed("jwt-es", algorithm="none")),
    Case("assertion_hs256_with_secret", "400 invalid_client", form=signed("svc", algorithm="HS256")),
    Case("assertion_fractional_times", OK, form=signed("jwt-es", claims={"iat": "now+0.5", "exp": "now+30.5"})),
    # Token exchange.
    Case("subject", OK, form=own("svc")),
    Case("subject_of_plain", OK, form=own("plain")),
    Case("subject_for_svc", OK, form=own("holder")),
    Case("exchange_of_a_token_for_svc", OK, form=exchange("svc", "{token subject_for_svc}")),
    Case("exchange", OK, form=exchange("svc", "{token subject}")),
    Case("exchange_for_an_audience", OK, form=exchange("svc", "{token subject}", ("audience", "target"))),
    Case("exchange_for_two_audiences", OK, form=exchange("svc", "{token subject}", ("audience", "target"), ("audience", "plain"))),
    Case("exchange_custom_audience", "400 invalid_client", form=exchange("svc", "{token subject}", ("audience", "arp-run-gateway"))),
    Case("exchange_unknown_audience", "400 invalid_client", form=exchange("svc", "{token subject}", ("audience", "nobody"))),
    Case("exchange_disabled_audience", "400 invalid_client", form=exchange("svc", "{token subject}", ("audience", "off"))),
    Case("exchange_unreachable_audience", "400 invalid_request", form=exchange("svc", "{token subject}", ("audience", "unreachable"))),
    Case("exchange_audience_of_optional_scope", "400 invalid_request", form=exchange("svc", "{token subject}", ("audience", "hidden"))),
    Case("exchange_with_optional_scope", OK, form=exchange("svc", "{token subject}", ("audience", "hidden"), ("scope", "extra"))),
    Case("exchange_own_audience", OK, form=exchange("svc", "{token subject}", ("audience", "svc"))),
    Case("exchange_off", "400 invalid_request", form=exchange("plain", "{token subject_of_plain}")),
    Case("exchange_foreign_subject", "403 access_denied", form=exchange("svc", "{token subject_of_plain}")),
    Case("exchange_subject_by_id_token_type", "400 invalid_request", form=exchange("svc", "{token subject}", kind="urn:ietf:params:oauth:token-type:id_token")),
    Case("exchange_subject_by_jwt_type", "400 invalid_request", form=exchange("svc", "{token subject}", kind="urn:ietf:params:oauth:token-type:jwt")),
    Case("exchange_without_subject", "400 invalid_request", form=without(exchange("svc", ""), "subject_token")),
    Case("exchange_without_subject_type", "400 invalid_request", form=without(exchange("svc", "{token subject}"), "subject_token_type")),
    Case("exchange_empty_subject", "400 invalid_request", form=exchange("svc", "")),
    Case("exchange_malformed_subject", "400 invalid_request", form=exchange("svc", "abc")),
    Case("exchange_cut_subject", "400 invalid_request", form=exchange("svc", "{token subject cut}")),
    Case("exchange_requests_access_token", OK, form=exchange("svc", "{token subject}", ("requested_token_type", ACCESS))),
    Case("exchange_requests_id_token", "400 invalid_request", form=exchange("svc", "{token subject}", ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"))),
    Case("exchange_requests_refresh_token", "400 invalid_request", form=exchange("svc", "{token subject}", ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"))),
    Case("exchange_requests_jwt", "400 invalid_request", form=exchange("svc", "{token subject}", ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"))),
    Case("exchange_with_scope", OK, form=exchange("svc", "{token subject}", ("scope", "profile"))),
    Case("exchange_with_unknown_scope", "400 invalid_scope", form=exchange("svc", "{token subject}", ("scope", "nonsense"))),
    Case("exchange_with_actor", "400 invalid_request", form=exchange("svc", "{token subject}", ("actor_token", "{token subject}"), ("actor_token_type", ACCESS))),
    Case("exchange_with_resource", OK, form=exchange("svc", "{token subject}", ("resource", "https://target.example"))),
    Case("exchange_with_subject_issuer", "400 invalid_request", form=exchange("svc", "{token subject}", ("subject_issuer", "google"))),
    Case("exchange_by_public_client", "400 invalid_client", form=without(exchange("public", "{token subject}"), "client_secret")),
    Case("exchange_wrong_secret", "401 unauthorized_client", form=[("client_secret", "wrong"), *without(exchange("svc", "{token subject}"), "client_secret")]),
    Case("exchange_of_exchanged", OK, form=exchange("svc", "{token exchange}")),
    Case("exchange_by_assertion", OK, form=[("grant_type", EXCHANGE), ("client_assertion_type", BEARER), ("client_assertion", Assertion("jwt-exchange", key="jwt-es", algorithm="ES256")), ("subject_token", "{token subject_for_svc}"), ("subject_token_type", ACCESS)]),
    Case("short_subject", OK, form=own("brief")),
    Case("exchange_of_expired_subject", "400 invalid_request", form=exchange("svc", "{token short_subject}"), before=[("wait", 2)]),
    # Administrators.
    Case("subject_of_first_key", OK, form=own("long")),
    Case("certs_after_rotation", OK, method="GET", path=CERTS, before=[("rotate",)]),
    Case("token_after_rotation", OK, form=own("svc")),
    Case("exchange_of_older_key", OK, form=exchange("svc", "{token subject}")),
    Case("client_just_disabled", "401 invalid_client", form=own("holder"), before=[("client", "holder", {"enabled": False})]),
    Case("exchange_of_disabled_clients_token", "400 invalid_request", form=exchange("svc", "{token subject_for_svc}")),
    Case("client_enabled_again", OK, form=own("holder"), before=[("client", "holder", {"enabled": True})]),
]
