//! What Supabase's clients call our errors.

/// The `error_code` of an answer, where there is one for it.
pub(in crate::http) fn error_code(code: &str) -> Option<&'static str> {
    let code = match code {
        "user/invalid-credentials" => "invalid_credentials",
        "user/exists" => "user_already_exists",
        "user/not-confirmed" => "email_not_confirmed",
        "user/banned" => "user_banned",
        "user/not-found" => "user_not_found",
        "user/sign-up-closed" => "signup_disabled",
        "user/anonymous-closed" => "anonymous_provider_disabled",
        "user/otp-closed" => "otp_disabled",
        "user/metadata" | "user/roles" | "user/id" | "user/attribute" | "password/missing" | "email/missing" | "token/ttl"
        | "grant/unknown" | "mail/kind" => "validation_failed",
        "email/invalid" => "email_address_invalid",
        "password/length" | "password/is-email" => "weak_password",
        "password/same" => "same_password",
        "session/not-found" => "session_not_found",
        "session/too-many" => "over_request_rate_limit",
        "mail/too-many" => "over_email_send_rate_limit",
        "refresh/unknown" => "refresh_token_not_found",
        "refresh/used" => "refresh_token_already_used",
        "link/expired" => "otp_expired",
        "flow/unknown" => "flow_state_not_found",
        "flow/verifier" => "bad_code_verifier",
        "flow/state" => "bad_oauth_state",
        "flow/refused" => "bad_oauth_callback",
        "provider/unknown" => "provider_disabled",
        "token/missing" => "no_authorization",
        "key/not-secret" => "not_admin",
        _ => return None,
    };
    Some(code)
}
