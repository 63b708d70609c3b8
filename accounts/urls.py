"""Sign-in, passwords, second factors and the person's own security page.

Left out of allauth: changing one's e-mail address (people come by invitation, and the address is
how they sign in) and what only other settings of allauth would need. Its lists of factors are
the security page here.
"""

from allauth.account.urls import urlpatterns as offered
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views import security

LEFT_OUT = {"account_email", "account_set_password", "account_confirm_login_code"}

to_security = RedirectView.as_view(pattern_name="security")

urlpatterns = [
    *(page for page in offered if page.name not in LEFT_OUT),
    path("security/", security.security, name="security"),
    path("security/sign-ins/<int:pk>/end/", security.sign_in_end, name="sign-in-end"),
    path(
        "security/sign-ins/end-others/",
        security.sign_ins_end_others,
        name="sign-ins-end-others",
    ),
    # The same addresses below: these come first.
    path("2fa/", to_security, name="mfa_index"),
    path("2fa/webauthn/", to_security, name="mfa_list_webauthn"),
    path(
        "2fa/webauthn/keys/<int:pk>/remove/", security.passkey_remove, name="mfa_remove_webauthn"
    ),
    path("2fa/", include("allauth.mfa.urls")),
]
