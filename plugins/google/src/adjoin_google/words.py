"""What Google's refusals come to in plain words, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ADVICE", "OAUTH_ADVICE"]

_SWITCH = "in the Cloud project that owns the OAuth client"

#: By the API's code, or by the reason of its front end.
ADVICE: Mapping[str, str] = {
    "UNSUPPORTED_VERSION": (
        "The version of the Google Ads API that is set has been retired or does not exist; set a newer one as "
        "ADJOIN_GOOGLE_API_VERSION"
    ),
    "CUSTOMER_NOT_ENABLED": "The account is not enabled: it was cancelled, or its sign-up was never finished",
    "USER_PERMISSION_DENIED": (
        "The Google login that made the connection may not read this account, or not through the manager account it "
        "was asked through. Give the login access in Google Ads, or set ADJOIN_GOOGLE_LOGIN_CUSTOMER_ID to the manager"
    ),
    "INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": (
        "The account does not belong to the manager account it was asked through; check "
        "ADJOIN_GOOGLE_LOGIN_CUSTOMER_ID, or leave it unset"
    ),
    "INVALID_LOGIN_CUSTOMER_ID": "ADJOIN_GOOGLE_LOGIN_CUSTOMER_ID is no account id: write its ten digits",
    "REQUESTED_METRICS_FOR_MANAGER": "A manager account has no results of its own; its client accounts have them",
    "NOT_ADS_USER": "The Google login has no Google Ads account. Connect again with a login that has one",
    "TWO_STEP_VERIFICATION_NOT_ENROLLED": (
        "Google wants the login to turn on 2-step verification first. Do that, then connect again"
    ),
    "ADVANCED_PROTECTION_NOT_ENROLLED": (
        "Google wants the login to be in its Advanced Protection programme first. Do that, then connect again"
    ),
    "OAUTH_TOKEN_REVOKED": "The access of Adjoin was withdrawn at Google. Connect again",
    "OAUTH_TOKEN_DISABLED": "The access of Adjoin was disabled at Google. Connect again",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
        "The permission to see Google Ads was not given at the consent page. Connect again and allow it"
    ),
    "SERVICE_DISABLED": f"The Google Ads API is switched off {_SWITCH}. Enable it at console.cloud.google.com",
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": (
        f"There is only test access {_SWITCH}. Apply for a higher access level to the Google Ads API"
    ),
    "PROJECT_DISABLED": f"Access to the Google Ads API was disabled {_SWITCH}. Google's support can say why",
    "CLOUD_PROJECT_NOT_FOUND": f"Google finds no access to the Google Ads API {_SWITCH}. Enable the API there",
    "MISSING_TOS": f"The terms of the Google Ads API have not been accepted {_SWITCH}",
    "REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED": "Google keeps results by day for 37 months only",
    "DEADLINE_EXCEEDED": "Google could not work out so much in time; less is asked for next",
}

#: By the code of the token endpoint.
OAUTH_ADVICE: Mapping[str, str] = {
    "invalid_grant": (
        "Google does not accept the connection any more. Connect again. If this happens every week, the consent screen "
        "of the OAuth client is still in Testing, where connections end after 7 days: publish it"
    ),
    "unauthorized_client": "The connection was made with another OAuth client than the one that is set. Connect again",
    "invalid_client": (
        "Google does not know the OAuth client; check ADJOIN_GOOGLE_CLIENT_ID and ADJOIN_GOOGLE_CLIENT_SECRET"
    ),
}
