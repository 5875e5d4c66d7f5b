//! All faults, by the places where they are met.

use super::Fault;

/// Makes of each place an enum of its faults, and of all places together what the parent module reads:
/// [`Kind`], [`Faults`] and [`CATALOGUE`].
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

        /// A fault, by its place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind { $( $Kind($Kind), )+ }

        /// Faults that hold together. Made from names with commas between them, or by [`Faults::of`].
        ///
        /// A connection passes places in order, and at each it may meet one fault: the door, the moment
        /// it is accepted, the handshake, the certificate, the moment it is asked, the status,
        /// `Retry-After`, `Date`, what a token service says and the token it hands out, the content, and
        /// the delivery of the bytes. Faults of different places
        /// combine, and the one that is met first is seen first: nobody sees the status of a server that
        /// refuses connections. Two of one place contradict each other and are refused.
        ///
        /// The fault of the door holds for whoever connects; those before a request is read are chosen
        /// when a connection is accepted; the others anew for each request, on open connections, too.
        /// They hold for every path but `/admin/`, provisioning tokens and the stub's own, so that a key
        /// can be rotated in the middle of an outage.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Faults { $( pub(crate) $place: Option<$Kind>, )+ }

        impl Faults {
            /// No fault: the server as it is.
            pub const NONE: Self = Self { $( $place: None, )+ };

            /// Adds `fault`, or gives the one that already has its place.
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
    /// What is wrong with the socket that should listen.
    listener: ListenFault {
        Refused "refused" "connecting is refused, as on a machine where nothing listens";
        BlackHole "black-hole" "connecting gets no reply: the queue is full and nobody takes from it";
    }

    /// What becomes of a connection before a byte of it is read.
    accepted: Accepted {
        Silent "accept-silent" "takes the connection and never says anything";
        Close "accept-close" "closes the connection at once";
        Reset "accept-reset" "resets the connection at once";
        Banner "accept-banner" "speaks first, as another service on that port would";
    }

    /// What becomes of the TLS handshake.
    handshake: Handshake {
        Stall "handshake-stall" "sends part of its side of the handshake and no more";
        Slow "handshake-slow" "sends its side of the handshake a byte every tenth of a second";
        Close "handshake-close" "closes the connection when it is greeted";
        Reset "handshake-reset" "resets the connection when it is greeted";
        Alert "handshake-alert" "refuses the handshake by an alert";
        Garbage "handshake-garbage" "answers the greeting in plain HTTP";
        Endless "handshake-endless" "answers with a handshake message that never ends";
    }

    /// What is wrong with the certificate.
    certificate: Flaw {
        Expired "cert-expired" "its certificate has expired";
        NotYetValid "cert-not-yet-valid" "its certificate is not valid yet";
        WrongName "cert-wrong-name" "its certificate is for another name";
        OtherAuthority "cert-other-ca" "its certificate is from another CA, of the same name";
        OtherKey "cert-other-key" "its certificate is sound but over another key: only a pin tells";
    }

    /// What happens where the answer should be given.
    moment: Moment {
        CloseBeforeRequest "close-before-request" "closes the connection before it reads a request";
        ResetBeforeRequest "reset-before-request" "resets the connection before it reads a request";
        CloseAfterRequest "close-after-request" "does what it is asked and closes without an answer";
        ResetAfterRequest "reset-after-request" "does what it is asked and resets without an answer";
        Stall "stall" "takes the request and never answers";
        StallThenError "stall-then-500" "stalls for 30 s and then fails, as the overloaded service does";
        Late "late" "answers rightly, but two seconds late";
    }

    /// Another status. But for 201 the request never reaches the service, as behind a proxy or portal.
    status: Status {
        S201 "status-201" "does what it is asked, but says 201";
        S204 "status-204" "says 204 and nothing else";
        S301 "status-301" "points to another host for good";
        S302 "status-302" "points to another host for now";
        S303 "status-303" "points to another host, to be fetched by GET";
        S307 "status-307" "points to another host, to be asked the same";
        S308 "status-308" "points to another host for good, to be asked the same";
        S400 "status-400" "does not understand the request";
        S401 "status-401" "refuses the app's credentials";
        S403 "status-403" "forbids, as a proxy does";
        S404 "status-404" "knows no such path";
        S405 "status-405" "knows the path, but not the method";
        S413 "status-413" "finds the request too large, as a proxy does";
        S422 "status-422" "finds the request malformed, and repeats all of it";
        S429 "status-429" "is asked too often";
        S500 "status-500" "fails";
        S502 "status-502" "a proxy that gets no proper answer from the service";
        S503 "status-503" "a proxy, or the service, in maintenance";
        S504 "status-504" "a proxy that waited too long for the service";
        AuthUnavailable "auth-unavailable" "as command-center: 401 because it cannot reach the auth service";
        AuthError "auth-error-500" "as command-center: 401 because the auth service failed";
    }

    /// When to come back. Adds the header to whatever answer there is.
    retry_after: RetryAfter {
        Minute "retry-after-60" "come back in 60 s";
        Absurd "retry-after-absurd" "come back in 10^30 s";
        Century "retry-after-century" "come back in 100 years";
        Negative "retry-after-negative" "come back in -1 s";
        Date "retry-after-date" "come back at a date an hour from now";
        Past "retry-after-past" "come back at a date in 1999";
        Words "retry-after-words" "come back soon";
    }

    /// What time the server says it is.
    date: Date {
        Epoch "date-1970" "says it is 1970";
        Future "date-2099" "says it is 2099";
        Garbage "date-garbage" "says no date where the date should be";
    }

    /// An OAuth error in place of a token.
    oauth: Oauth {
        InvalidClient "oauth-invalid-client" "refuses every client as unknown: 401 invalid_client";
        UnauthorizedClient "oauth-unauthorized-client" "takes every secret for wrong: 401 unauthorized_client";
        InvalidRequest "oauth-invalid-request" "finds the request wrong: 400 invalid_request";
        InvalidGrant "oauth-invalid-grant" "finds the grant wrong: 400 invalid_grant";
        InvalidScope "oauth-invalid-scope" "knows no such scope: 400 invalid_scope";
        UnsupportedGrant "oauth-unsupported-grant" "knows no such grant: 400 unsupported_grant_type";
        AccessDenied "oauth-access-denied" "allows nobody anything: 403 access_denied";
        Unavailable "oauth-unavailable" "cannot now: 503 temporarily_unavailable";
        Wordless "oauth-wordless" "says 400 and an error that is no string";
    }

    /// What is wrong with the token that a token service hands out.
    token: Token {
        Missing "token-missing" "hands out everything but the token";
        NotJwt "token-not-jwt" "its token is opaque, no JWT";
        UnknownKid "token-unknown-kid" "its token is by a key that its JWKS does not have";
        NoKid "token-no-kid" "its token does not say by which key it is";
        BadSignature "token-bad-signature" "its token is by another key than it says";
        AlgNone "token-alg-none" "its token is not signed: alg none";
        Hs256 "token-hs256" "its token is an HMAC with the public key as the secret";
        WrongAudience "token-wrong-aud" "its token is for somebody else";
        NoAudience "token-no-aud" "its token is for nobody";
        WrongIssuer "token-wrong-iss" "its token is from another issuer: a slash more";
        WrongParty "token-wrong-azp" "its token was issued to another client";
        NoExpiry "token-no-exp" "its token never expires";
        Expired "token-expired" "its token has expired when it is handed out";
        NotYet "token-nbf-future" "its token is good an hour from now";
        Id "token-typ-id" "its token is an ID token";
        ClockAhead "token-clock-ahead" "its clock is ten minutes ahead, in its token and everywhere";
        ClockBehind "token-clock-behind" "its clock is ten minutes behind, in its token and everywhere";
    }

    /// How long a token service says its token is good.
    expires_in: ExpiresIn {
        Missing "expires-in-missing" "leaves expires_in out";
        Text "expires-in-string" "says expires_in as a string of digits";
        Words "expires-in-words" "says expires_in in words";
        Null "expires-in-null" "says expires_in:null";
        Zero "expires-in-zero" "says expires_in:0";
        Negative "expires-in-negative" "says expires_in:-1";
        Huge "expires-in-huge" "says expires_in is 10^18 s";
    }

    /// What a token service says its token is.
    token_type: TokenType {
        Lower "token-type-lower" "says token_type:bearer, as older versions do";
        Odd "token-type-odd" "says token_type:mac";
        Missing "token-type-missing" "leaves token_type out";
    }

    /// What the answer says.
    content: Content {
        ValidString "valid-string" "says valid:\"true\", or \"false\"";
        ValidNumber "valid-number" "says valid:1, or 0";
        ValidNull "valid-null" "says valid:null";
        ValidMissing "valid-missing" "leaves valid out";
        OtherNode "other-node" "speaks of another node";
        NoNode "no-node" "speaks of no node";
        DuplicateKeys "duplicate-keys" "says valid twice, first false and then true";
        DeepNesting "deep-nesting" "7000 lists inside each other";
        DeepNestingInside "deep-nesting-inside" "the right answer with 6000 lists inside each other in it";
        BadUtf8 "bad-utf8" "its strings hold bytes that are no UTF-8";
        ByteOrderMark "byte-order-mark" "begins with a byte order mark";
        Utf16 "utf-16" "is in UTF-16";
        Empty "empty-body" "is empty";
        Html "html" "is the page of a captive portal";
        List "json-list" "is a JSON list";
        CutJson "cut-json" "ends in the middle, though its length is right";
        TrailingGarbage "trailing-garbage" "goes on after its JSON has ended";
        Gzip "gzip" "is compressed, though nobody asked for it";
        Long "long-body" "the right answer with a megabyte of padding in it";
        Denial "denial" "denies every node, whatever the status";
        LongReason "long-reason" "denies with a reason of 10 kB";
        TerminalEscapes "terminal-escapes" "denies with a reason that would rewrite a terminal and a log";
        EchoRequest "echo-request" "denies with the whole request as the reason, keys and all";
    }

    /// How the answer's bytes go out.
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
        BodyToClose "body-to-close" "sends the body without a length and closes properly";
        BodyTruncated "body-truncated" "the same, but cut off without the end that TLS demands";
        LengthShort "length-short" "announces ten bytes less than it sends";
        LengthLong "length-long" "announces a hundred bytes more than it sends, and closes";
        LengthNegative "length-negative" "announces -1 bytes";
        LengthWords "length-words" "announces many bytes";
        LengthOverflow "length-overflow" "announces 10^30 bytes";
        LengthConflict "length-conflict" "announces two lengths";
        Chunked "chunked" "sends the body in chunks, properly";
        ChunkedGarbage "chunked-garbage" "sends chunks whose sizes are none";
        ChunkedOverflow "chunked-overflow" "sends a chunk whose size is 2^72";
        ChunkedCut "chunked-cut" "sends chunks and closes before the last";
        ChunkedEndless "chunked-endless" "sends chunks without end";
        ChunkedAndLength "chunked-and-length" "sends chunks and announces a length that contradicts them";
        ContinueOnce "continue-once" "says 100 once and then answers";
        ContinueFlood "continue-flood" "says 100 without end";
        HintsFlood "early-hints-flood" "says 103 without end";
        SwitchingProtocols "switching-protocols" "says 101, and speaks another protocol from there";
        TwoAnswers "two-answers" "sends a denial right behind its answer";
        CloseUnsaid "close-unsaid" "closes after its answer without having said so";
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
