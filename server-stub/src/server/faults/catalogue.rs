//! All faults, by the stage at which they are met.

use super::Fault;

/// Generates an enum of faults for each stage, and [`Kind`], [`Faults`] and [`CATALOGUE`] for all stages.
macro_rules! catalogue {
    ($(
        $(#[$doc:meta])*
        $place:ident: $Kind:ident { $( $Variant:ident $name:literal $does:literal; )+ }
    )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum $Kind { $( #[doc = $does] $Variant, )+ }
        )+

        /// A fault, by its stage.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $( $Kind($Kind), )+ }

        /// A set of faults. Made from names with commas between them, or by [`Faults::of`].
        ///
        /// A connection passes stages in order and can meet one fault at each: the listening socket,
        /// accepting, the handshake, the certificate, the time of the answer, the status, what fails
        /// behind a home's service, `Retry-After`, `Date`, the OAuth error, the token, `expires_in`, `token_type`, the content, and the delivery of
        /// the bytes. Faults of different stages combine. A fault of an early stage hides later ones: a
        /// server that refuses connections shows no status. Two faults of one stage contradict each other and
        /// are refused.
        ///
        /// A fault of the listening socket affects every connection attempt. Faults met before a request is
        /// read are chosen when a connection is accepted. The others are chosen for each request, also on
        /// open connections. They affect every path except `/admin/`, minting of provisioning tokens and the
        /// stub's own, so that a key can be rotated during an outage.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Faults { $( pub(crate) $place: Option<$Kind>, )+ }

        impl Faults {
            /// No fault: the server as it is.
            pub const NONE: Self = Self { $( $place: None, )+ };

            /// Adds `fault`, or returns the one that its stage already has.
            pub(super) fn insert(&mut self, fault: Fault) -> Result<(), Fault> {
                match fault.0 {
                    $( Kind::$Kind(fault) => match self.$place {
                        Some(there) if there != fault => Err(Fault(Kind::$Kind(there))),
                        Some(_) | None => {
                            self.$place = Some(fault);
                            Ok(())
                        }
                    } )+
                }
            }

            /// The faults, in the order in which they are met.
            pub fn iter(&self) -> impl Iterator<Item = Fault> {
                [ $( self.$place.map(|fault| Fault(Kind::$Kind(fault))), )+ ].into_iter().flatten()
            }
        }

        /// Every fault, its name and what it does.
        pub(super) static CATALOGUE: &[(Fault, &str, &str)] = &[
            $( $( (Fault(Kind::$Kind($Kind::$Variant)), $name, $does), )+ )+
        ];
    };
}

catalogue! {
    /// Faults of the listening socket.
    listener: ListenFault {
        Refused "refused" "connecting is refused, as on a machine where nothing listens";
        BlackHole "black-hole" "connecting gets no reply: the queue is full and no connection is accepted";
    }

    /// Faults of a connection before a byte of it is read.
    accepted: Accepted {
        Silent "accept-silent" "accepts the connection and never sends anything";
        Close "accept-close" "closes the connection at once";
        Reset "accept-reset" "resets the connection at once";
        Banner "accept-banner" "sends a greeting first, as another service on that port would";
    }

    /// Faults of the TLS handshake.
    handshake: Handshake {
        Stall "handshake-stall" "sends part of its side of the handshake and no more";
        Slow "handshake-slow" "sends its side of the handshake a byte every tenth of a second";
        Close "handshake-close" "closes the connection after the ClientHello";
        Reset "handshake-reset" "resets the connection after the ClientHello";
        Alert "handshake-alert" "refuses the handshake by an alert";
        NoCertificate "handshake-no-certificate" "refuses the handshake as Go's proxies do for a name they do not serve";
        Garbage "handshake-garbage" "answers the ClientHello in plain HTTP";
        Endless "handshake-endless" "answers with a handshake message that never ends";
    }

    /// Faults of the certificate.
    certificate: Flaw {
        Expired "cert-expired" "its certificate has expired";
        NotYetValid "cert-not-yet-valid" "its certificate is not valid yet";
        WrongName "cert-wrong-name" "its certificate is for another name";
        OtherAuthority "cert-other-ca" "its certificate is from another CA, of the same name";
        OtherKey "cert-other-key" "its certificate is sound but over another key: only a pin tells";
    }

    /// Faults in place of the answer, or in its time.
    moment: Moment {
        CloseBeforeRequest "close-before-request" "closes the connection before it reads a request";
        ResetBeforeRequest "reset-before-request" "resets the connection before it reads a request";
        CloseAfterRequest "close-after-request" "processes the request and closes without an answer";
        ResetAfterRequest "reset-after-request" "processes the request and resets without an answer";
        Stall "stall" "accepts the request and never answers";
        StallThenError "stall-then-500" "stalls for 30 s and then fails, as the overloaded service does";
        Late "late" "answers correctly, but two seconds late";
    }

    /// Another status. Except for 201 the request never reaches the service, as behind a proxy or portal.
    status: Status {
        S201 "status-201" "processes the request, but says 201";
        S204 "status-204" "says 204 and nothing else";
        S301 "status-301" "redirects to another host permanently";
        S302 "status-302" "redirects to another host temporarily";
        S303 "status-303" "redirects to another host, with GET";
        S307 "status-307" "redirects to another host, with the same request";
        S308 "status-308" "redirects to another host permanently, with the same request";
        S400 "status-400" "does not understand the request";
        S401 "status-401" "refuses the app's credentials";
        ProxyLogIn "proxy-log-in" "as a proxy that wants a log-in: 401, WWW-Authenticate: Basic and a page";
        AppHeadersLost "app-headers-lost" "refuses the app as if a proxy had dropped its headers: 401";
        S403 "status-403" "forbids, as a proxy does";
        S404 "status-404" "says that the path does not exist";
        PlainNotFound "not-found-text" "says 404 in plain text, as jarvisd does on its other ports";
        S405 "status-405" "says that the method is not allowed";
        S413 "status-413" "finds the request too large, as a proxy does";
        S422 "status-422" "finds the request malformed, and repeats all of it";
        S429 "status-429" "says that there are too many requests";
        S500 "status-500" "fails";
        S502 "status-502" "as a proxy that gets no valid answer from the service";
        S503 "status-503" "as a proxy or the service in maintenance";
        S504 "status-504" "as a proxy that waited too long for the service";
    }

    /// Faults of a home's own services, which they answer in their own way (docs/wire/jarvis-home.md).
    home: HomeFault {
        AuthUnavailable "auth-unavailable" "the command center cannot reach the auth service: 401, or 500 of jarvisd";
        AuthError "auth-error-500" "the auth service fails for the command center: 401, or 500 of jarvisd";
        AuthNotConfigured "auth-not-configured" "the command center has no key for the auth service: 401, or 500 of jarvisd";
        RowMissing "node-row-missing" "the command center has no row for the node: 401";
        RegistrationFails "registration-fails" "the command center fails after the auth service has the node: 500, and its id is used up";
        MqttOff "mqtt-off" "the command center has no MQTT broker";
        PushWithheld "push-withheld" "the command center withholds every notification";
        PushFails "push-fails" "the command center sends no notification";
        LlmAbsent "llm-absent" "the command center has no language model: 500, or 503 of jarvisd";
        LlmFails "llm-fails" "the command center's language model fails: 500";
        LogsStoreFails "logs-store-fails" "the logs cannot keep the lines: 502";
        PasswordExpired "password-expired" "the auth service says that the password was a temporary one and has expired";
    }

    /// The header `Retry-After`, added to any answer.
    retry_after: RetryAfter {
        Minute "retry-after-60" "come back in 60 s";
        Absurd "retry-after-absurd" "come back in 10^30 s";
        Century "retry-after-century" "come back in 100 years";
        Negative "retry-after-negative" "come back in -1 s";
        Date "retry-after-date" "come back at a date an hour from now";
        Past "retry-after-past" "come back at a date in 1999";
        Words "retry-after-words" "come back soon";
    }

    /// The header `Date`.
    date: Date {
        Epoch "date-1970" "says it is 1970";
        Future "date-2099" "says it is 2099";
        Now "date-now" "says what time it is, as a proxy before the token service adds it";
        Garbage "date-garbage" "says no date where the date should be";
    }

    /// An OAuth error in place of a token.
    oauth: Oauth {
        InvalidClient "oauth-invalid-client" "refuses every client as unknown: 401 invalid_client";
        UnauthorizedClient "oauth-unauthorized-client" "treats every secret as wrong: 401 unauthorized_client";
        InvalidRequest "oauth-invalid-request" "refuses the request: 400 invalid_request";
        InvalidGrant "oauth-invalid-grant" "refuses the grant: 400 invalid_grant";
        InvalidScope "oauth-invalid-scope" "refuses the scope: 400 invalid_scope";
        UnsupportedGrant "oauth-unsupported-grant" "does not support the grant: 400 unsupported_grant_type";
        AccessDenied "oauth-access-denied" "refuses access: 403 access_denied";
        Unavailable "oauth-unavailable" "is unavailable: 503 temporarily_unavailable";
        NoRealm "oauth-no-realm" "knows no such realm: 404";
        NoCode "oauth-401-detail" "refuses the client without an OAuth error: 401 and a detail";
        TlsOnly "oauth-https-required" "takes no plain HTTP: 403 invalid_request, as a realm with sslRequired";
        Wordless "oauth-wordless" "says 400 and an error that is not a string";
    }

    /// Faults of the issued token.
    token: Token {
        Missing "token-missing" "leaves the token out";
        NotJwt "token-not-jwt" "its token is opaque, not a JWT";
        UnknownKid "token-unknown-kid" "its token is signed by a key that is not in its JWKS";
        NoKid "token-no-kid" "its token does not name its key";
        BadSignature "token-bad-signature" "its token is signed by another key than it names";
        AlgNone "token-alg-none" "its token is not signed: alg none";
        Hs256 "token-hs256" "its token is an HMAC with the public key as the secret";
        WrongAudience "token-wrong-aud" "its token is for another audience";
        NoAudience "token-no-aud" "its token has no audience";
        WrongIssuer "token-wrong-iss" "its token is from another issuer: a slash more";
        WrongParty "token-wrong-azp" "its token was issued to another client";
        NoExpiry "token-no-exp" "its token never expires";
        Expired "token-expired" "its token has expired when it is issued";
        NotYet "token-nbf-future" "its token is valid in an hour";
        Id "token-typ-id" "its token is an ID token";
        ClockAhead "token-clock-ahead" "its clock is ten minutes ahead, in its tokens and in all it expects";
        ClockBehind "token-clock-behind" "its clock is ten minutes behind, in its tokens and in all it expects";
    }

    /// Faults of `expires_in`, the stated lifetime of a token.
    expires_in: ExpiresIn {
        Missing "expires-in-missing" "leaves expires_in out";
        Text "expires-in-string" "says expires_in as a string of digits";
        Words "expires-in-words" "says expires_in in words";
        Null "expires-in-null" "says expires_in:null";
        Zero "expires-in-zero" "says expires_in:0";
        Negative "expires-in-negative" "says expires_in:-1";
        Huge "expires-in-huge" "says expires_in is 10^18 s";
    }

    /// Faults of `token_type`.
    token_type: TokenType {
        Lower "token-type-lower" "says token_type:bearer, as older versions did";
        Odd "token-type-odd" "says token_type:mac";
        Missing "token-type-missing" "leaves token_type out";
    }

    /// Faults of the answer's content.
    content: Content {
        ValidString "valid-string" "says valid:\"true\", or \"false\"";
        ValidNumber "valid-number" "says valid:1, or 0";
        ValidNull "valid-null" "says valid:null";
        ValidMissing "valid-missing" "leaves valid out";
        OtherNode "other-node" "is about another node";
        NoNode "no-node" "is about no node";
        DuplicateKeys "duplicate-keys" "says valid twice, first false and then true";
        DeepNesting "deep-nesting" "7000 lists inside each other";
        DeepNestingInside "deep-nesting-inside" "the correct answer with 6000 lists inside each other in it";
        BadUtf8 "bad-utf8" "its strings contain bytes that are not UTF-8";
        ByteOrderMark "byte-order-mark" "begins with a byte order mark";
        Utf16 "utf-16" "is in UTF-16";
        Empty "empty-body" "is empty";
        Html "html" "is the page of a captive portal";
        List "json-list" "is a JSON list";
        CutJson "cut-json" "ends in the middle, with the right length";
        TrailingGarbage "trailing-garbage" "has text after its JSON";
        Gzip "gzip" "is compressed without being asked";
        Long "long-body" "the correct answer with a megabyte of padding in it";
        Denial "denial" "rejects every node, whatever the status";
        LongReason "long-reason" "rejects with a reason of 10 kB";
        TerminalEscapes "terminal-escapes" "rejects with a reason that would rewrite a terminal and a log";
        EchoRequest "echo-request" "rejects with the whole request as the reason, keys and all";
    }

    /// Faults in the delivery of the answer's bytes.
    delivery: Delivery {
        StatusLineGarbage "status-line-garbage" "answers in another protocol";
        HttpNine "http-0-9" "sends the body without a head";
        HttpTen "http-1-0" "answers in HTTP/1.0";
        HeaderSlow "header-slow" "sends the head a byte every tenth of a second";
        HeaderEndless "header-endless" "sends header lines without end";
        HeaderLineEndless "header-line-endless" "sends one header line without end";
        HeaderNul "header-nul" "sends a NUL in a header";
        HeaderNoColon "header-no-colon" "sends a header line without a colon";
        HeaderFolded "header-folded" "sends a header over two lines, as was once allowed";
        HeaderCut "header-cut" "closes in the middle of the head";
        HeaderReset "header-reset" "resets in the middle of the head";
        BodySlow "body-slow" "sends the body a byte every tenth of a second";
        BodyStall "body-stall" "sends half the body and no more, but stays connected";
        BodyCut "body-cut" "closes in the middle of the body";
        BodyReset "body-reset" "resets in the middle of the body";
        BodyEndless "body-endless" "sends a body without length and without end";
        BodyHuge "body-huge" "announces a terabyte and sends it";
        BodyToClose "body-to-close" "sends the body without a length and ends it properly";
        BodyTruncated "body-truncated" "sends the body without a length and ends it without the close_notify of TLS";
        LengthShort "length-short" "announces ten bytes less than it sends";
        LengthLong "length-long" "announces a hundred bytes more than it sends, and closes";
        LengthNegative "length-negative" "announces -1 bytes";
        LengthWords "length-words" "announces many bytes";
        LengthOverflow "length-overflow" "announces 10^30 bytes";
        LengthConflict "length-conflict" "announces two lengths";
        Chunked "chunked" "sends the body in chunks, properly";
        ChunkedGarbage "chunked-garbage" "sends chunks with malformed sizes";
        ChunkedOverflow "chunked-overflow" "sends a chunk whose size is 2^72";
        ChunkedCut "chunked-cut" "sends chunks and closes before the last";
        ChunkedEndless "chunked-endless" "sends chunks without end";
        ChunkedAndLength "chunked-and-length" "sends chunks and announces a length that contradicts them";
        ContinueOnce "continue-once" "says 100 once and then answers";
        ContinueFlood "continue-flood" "says 100 without end";
        HintsFlood "early-hints-flood" "says 103 without end";
        SwitchingProtocols "switching-protocols" "says 101 and goes on in another protocol";
        TwoAnswers "two-answers" "sends a rejection right after its answer";
        CloseUnsaid "close-unsaid" "closes after its answer without announcing it";
    }
}

impl Moment {
    /// Whether it comes before a request is read.
    pub(crate) const fn is_before_requests(self) -> bool {
        match self {
            Self::CloseBeforeRequest | Self::ResetBeforeRequest => true,
            Self::CloseAfterRequest
            | Self::ResetAfterRequest
            | Self::Stall
            | Self::StallThenError
            | Self::Late => false,
        }
    }
}
