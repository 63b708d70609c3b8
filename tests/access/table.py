"""The table: every route, each method it answers, and what becomes of everybody who asks.

A line is the route's name (``name@variant`` is the same route with another thing in its address,
see ``tests/access/sent.py``), its methods, and a word for each column. ``> name`` at the end says
where those are led who succeed. What stands here is what ``accounts/access.py`` and the roles of
the design say; ``docs/access.md`` shows it, written by ``python -m tests.access``.
"""

from __future__ import annotations

# Who asks, in the order of the table's columns; what each is of the company Nile.
PEOPLE = {
    "anonymous": "not signed in",
    "stranger": "signed in, belongs to no company",
    "member": "member of Marketing, a subaccount with a balance of its own",
    "shared": "member of OTP, a subaccount that draws on the shared balance",
    "subadmin": "subaccount admin of Marketing",
    "finance": "finance staff of the company",
    "admin": "master admin of the company",
    "foreign": "master admin of another company",
    "operator": "operator of the platform",
    "bare": "operator who has no second factor yet",
    "viewing": "operator who looks at the company as its master admin sees it, read-only",
    "stale": "master admin (operator, where it is the platform's page) whose proof is an hour old",
}


COLUMNS = tuple(PEOPLE)
LEGEND = {
    "ok": "reached: the page, the file, or done",
    "form": "reached, and what was sent was refused beside the field",
    "in": "led to sign in",
    "2fa": "led to set up a second factor",
    "prove": "asked to prove once more who they are; nothing is done before",
    "home": "led to the front page: nothing here for somebody who is signed in",
    "403": "may see it, but not do it: refused with a sentence",
    "404": "nothing is there, as for an address that does not exist",
    "405": "not a method of this page",
    "400": "not understood, or without a valid signature",
}
KEYS = {
    "none": "no key",
    "wrong": "a key of which one character is wrong",
    "revoked": "a key that was revoked",
    "scopeless": "a key of the company with every scope but the one that it needs",
    "foreign": "a key of another company, with every scope",
    "right": "a key of the company, with every scope",
    "platform": "a key of the platform",
}

PAGES = r"""
# Front page
home GET POST PUT PATCH DELETE               in    ok    ok    ok    ok    ok    ok    ok    ok    2fa   ok    ok > operator-home, overview

# Signing in, passwords and one's own security
account_login GET                            ok    home  home  home  home  home  home  home  home  home  home  home
account_login POST PUT                       form  home  home  home  home  home  home  home  home  home  home  home
account_login PATCH DELETE                   405   home  home  home  home  home  home  home  home  home  home  home
account_logout GET POST                      ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > account_login
account_inactive GET                         ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_signup GET POST PUT PATCH DELETE     ok    home  home  home  home  home  home  home  home  home  home  home
account_reauthenticate GET                   in    ok    ok    ok    ok    ok    prove ok    prove ok    prove prove
account_reauthenticate POST PUT              in    form  form  form  form  form  prove form  prove form  prove prove
account_reauthenticate PATCH DELETE          in    405   405   405   405   405   prove 405   prove 405   prove prove
account_email_verification_sent GET          ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_change_password GET                  in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_change_password POST PUT             in    form  form  form  form  form  form  form  form  form  form  form
account_reset_password GET                   ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_reset_password POST PUT              form  form  form  form  form  form  form  form  form  form  form  form
account_confirm_email GET                    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_confirm_email POST                   ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > account_login
account_reset_password_from_key_done GET     ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_reset_password_from_key GET PATCH DELETE ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
account_reset_password_from_key POST PUT     form  form  form  form  form  form  form  form  form  form  form  form
account_reset_password_done GET              ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
security GET                                 in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
sign-in-end POST                             in    404   404   404   404   404   ok    404   404   404   404   ok > security
sign-ins-end-others POST                     in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > security
mfa_index GET POST PUT PATCH DELETE          in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > security
mfa_list_webauthn GET POST PUT PATCH DELETE  in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > security
mfa_remove_webauthn GET                      in    404   404   404   404   404   ok    404   404   404   404   ok
mfa_remove_webauthn POST                     in    404   404   404   404   404   ok    404   404   404   404   prove > security
mfa_authenticate GET POST PUT PATCH DELETE   in    home  home  home  home  home  home  home  home  home  home  home
mfa_reauthenticate GET                       in    prove prove prove prove prove ok    prove ok    prove ok    ok
mfa_reauthenticate POST PUT                  in    prove prove prove prove prove form  prove form  prove form  form
mfa_activate_totp GET                        in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    prove > mfa_deactivate_totp
mfa_activate_totp POST PUT                   in    form  form  form  form  form  form  form  ok    form  ok    prove > mfa_deactivate_totp
mfa_activate_totp PATCH DELETE               in    405   405   405   405   405   405   405   ok    405   ok    prove > mfa_deactivate_totp
mfa_deactivate_totp GET                      in    404   404   404   404   404   404   404   ok    404   ok    404
mfa_deactivate_totp POST PUT                 in    404   404   404   404   404   404   404   form  404   form  404
mfa_view_recovery_codes GET                  in    404   404   404   404   404   ok    404   404   404   404   prove
mfa_generate_recovery_codes GET              in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    prove
mfa_generate_recovery_codes POST PUT         in    form  form  form  form  form  ok    form  ok    form  ok    prove > mfa_view_recovery_codes
mfa_download_recovery_codes GET              in    404   404   404   404   404   ok    404   404   404   404   prove
mfa_add_webauthn GET                         in    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    prove
mfa_add_webauthn POST PUT                    in    form  form  form  form  form  form  form  form  form  form  prove
mfa_reauthenticate_webauthn GET              in    prove prove prove prove prove ok    prove prove prove prove ok
mfa_reauthenticate_webauthn POST PUT         in    prove prove prove prove prove in    prove prove prove prove in
mfa_reauthenticate_webauthn PATCH DELETE     in    prove prove prove prove prove 405   prove prove prove prove 405
mfa_edit_webauthn GET                        in    404   404   404   404   404   ok    404   404   404   404   prove
mfa_edit_webauthn POST PUT                   in    404   404   404   404   404   form  404   404   404   404   prove
mfa_login_webauthn GET POST PUT              in    home  home  home  home  home  home  home  home  home  home  home
mfa_login_webauthn PATCH DELETE              405   home  home  home  home  home  home  home  home  home  home  home

# The company and its subaccounts
overview GET                                 in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
company-security GET                         in    404   403   403   403   403   ok    404   403   2fa   ok    ok
company-security POST                        in    404   403   403   403   403   ok    404   403   2fa   403   prove > company-security
subaccount-detail GET                        in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
subaccount-detail@nile GET                   in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
subaccount-detail@retail GET                 in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
subaccount-detail@otp GET                    in    404   404   ok    404   ok    ok    404   ok    2fa   ok    ok
subaccount-list GET                          in    404   403   403   403   ok    ok    404   ok    2fa   ok    ok
subaccount-new GET                           in    404   403   403   403   403   ok    404   403   2fa   ok    ok
subaccount-new POST                          in    404   403   403   403   403   ok    404   403   2fa   403   ok > subaccount-detail
subaccount-code GET                          in    404   403   403   403   403   ok    404   403   2fa   ok    ok
subaccount-rename GET                        in    404   403   404   403   403   ok    404   403   2fa   ok    ok
subaccount-rename POST                       in    404   403   404   403   403   ok    404   403   2fa   403   ok > subaccount-detail
subaccount-mode GET                          in    404   403   404   403   403   ok    404   403   2fa   ok    ok
subaccount-mode POST                         in    404   403   404   403   403   form  404   403   2fa   403   prove
subaccount-cap GET                           in    404   403   404   403   403   ok    404   403   2fa   ok    ok
subaccount-cap POST                          in    404   403   404   403   403   ok    404   403   2fa   403   ok > subaccount-detail
subaccount-cap-preview GET                   in    404   403   404   403   403   ok    404   403   2fa   ok    ok
subaccount-suspend GET                       in    404   403   404   403   403   ok    404   ok    2fa   ok    ok > operator-account-suspend
subaccount-suspend POST                      in    404   403   404   403   403   ok    404   ok    2fa   403   ok > operator-account-suspend, subaccount-detail
subaccount-suspend@nile GET                  in    404   404   404   404   403   403   404   ok    2fa   403   403 > operator-account-suspend
subaccount-suspend@nile POST                 in    404   404   404   404   403   403   404   ok    2fa   403   403 > operator-account-suspend
subaccount-restore GET                       in    404   403   404   403   403   ok    404   ok    2fa   ok    ok > operator-account-restore
subaccount-restore POST                      in    404   403   404   403   403   ok    404   ok    2fa   403   ok > operator-account-restore, subaccount-detail
subaccount-restore@nile GET                  in    404   404   404   404   403   403   404   ok    2fa   403   403 > operator-account-restore
subaccount-restore@nile POST                 in    404   404   404   404   403   403   404   ok    2fa   403   403 > operator-account-restore
subaccount-close GET                         in    404   403   404   403   403   ok    404   403   2fa   ok    ok
subaccount-close POST                        in    404   403   404   403   403   form  404   403   2fa   403   prove
balance-as-of GET                            in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
balance-as-of@nile GET                       in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok

# People, invitations and keys
people-list GET                              in    404   403   403   ok    ok    ok    404   ok    2fa   ok    ok
invitation-new GET                           in    404   403   403   ok    403   ok    404   403   2fa   ok    ok
invitation-new POST                          in    404   403   403   ok    403   ok    404   403   2fa   403   prove > people-list
invitation-send-again POST                   in    404   403   403   ok    403   ok    404   403   2fa   403   ok > people-list
invitation-withdraw POST                     in    404   403   403   ok    403   ok    404   403   2fa   403   ok > people-list
person-role GET                              in    404   403   403   ok    403   ok    404   403   2fa   ok    ok
person-role POST                             in    404   403   403   ok    403   ok    404   403   2fa   403   prove > people-list
person-role@finance GET                      in    404   403   403   404   403   ok    404   403   2fa   ok    ok
person-role@finance POST                     in    404   403   403   404   403   ok    404   403   2fa   403   prove > people-list
person-remove GET                            in    404   403   403   ok    403   ok    404   403   2fa   ok    ok
person-remove POST                           in    404   403   403   ok    403   ok    404   403   2fa   403   prove > people-list
person-remove@finance GET                    in    404   403   403   404   403   ok    404   403   2fa   ok    ok
person-remove@finance POST                   in    404   403   403   404   403   ok    404   403   2fa   403   prove > people-list
api-key-list GET                             in    404   403   403   403   403   ok    404   ok    2fa   ok    ok
api-key-new GET                              in    404   403   403   403   403   ok    404   403   2fa   ok    ok
api-key-new POST                             in    404   403   403   403   403   ok    404   403   2fa   403   prove
api-key-revoke GET                           in    404   403   403   403   403   ok    404   403   2fa   ok    ok
api-key-revoke POST                          in    404   403   403   403   403   ok    404   403   2fa   403   prove > api-key-list
invitation GET                               ok    403   403   403   403   403   403   403   403   403   403   403
invitation POST                              ok    403   403   403   403   403   403   403   403   403   403   403 > overview

# Alerts and notices
alert-list GET                               in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
alert-new GET                                in    404   403   403   ok    403   ok    404   403   2fa   ok    ok
alert-new POST                               in    404   403   403   ok    403   ok    404   403   2fa   403   ok > alert-list
alert-new@nile GET                           in    404   403   403   404   403   ok    404   403   2fa   ok    ok
alert-new@nile POST                          in    404   403   403   404   403   ok    404   403   2fa   403   ok > alert-list
alert-edit GET                               in    404   403   404   ok    403   ok    404   403   2fa   ok    ok
alert-edit POST                              in    404   403   404   ok    403   ok    404   403   2fa   403   ok > alert-list
alert-delete GET                             in    404   403   404   ok    403   ok    404   403   2fa   ok    ok
alert-delete POST                            in    404   403   404   ok    403   ok    404   403   2fa   403   ok > alert-list
notice-seen-all POST                         in    404   ok    ok    ok    ok    ok    404   ok    2fa   403   ok > alert-list
notice-seen POST                             in    404   ok    404   ok    ok    ok    404   ok    2fa   403   ok > alert-list

# Payments
payment-list GET                             in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
payment-new GET                              in    404   ok    403   ok    403   ok    404   403   2fa   ok    ok
payment-preview GET                          in    404   ok    403   ok    403   ok    404   403   2fa   ok    ok
payment-review GET                           in    404   ok    403   ok    403   ok    404   403   2fa   ok    ok
payment-start GET                            in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok > payment-new
payment-start POST                           in    404   ok    403   ok    403   ok    404   403   2fa   403   ok > payment-detail
payment-detail GET                           in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
payment-detail@retail GET                    in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
payment-state GET                            in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
payment-continue POST                        in    404   ok    404   ok    403   ok    404   403   2fa   403   ok > payment-detail
payment-cancel POST                          in    404   ok    404   ok    403   ok    404   403   2fa   403   ok > payment-detail
payment-receipt GET                          in    404   ok    404   ok    ok    ok    404   ok    2fa   403   ok

# Transfers
transfer-list GET                            in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
transfer-new GET                             in    404   403   403   403   403   ok    404   403   2fa   ok    ok
transfer-new POST                            in    404   403   403   403   403   ok    404   403   2fa   403   ok > transfer-detail
transfer-preview GET                         in    404   403   403   403   403   ok    404   403   2fa   ok    ok
transfer-many GET                            in    404   403   403   403   403   ok    404   403   2fa   ok    ok
transfer-many POST                           in    404   403   403   403   403   ok    404   403   2fa   403   ok
transfer-many-send GET                       in    404   403   403   403   403   ok    404   403   2fa   ok    ok > transfer-many
transfer-many-send POST                      in    404   403   403   403   403   ok    404   403   2fa   403   ok > transfer-batch
transfer-batch GET                           in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
transfer-detail GET                          in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
transfer-detail@retail GET                   in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
transfer-reverse GET                         in    404   403   404   403   403   ok    404   403   2fa   ok    ok
transfer-reverse POST                        in    404   403   404   403   403   ok    404   403   2fa   403   ok > transfer-detail
transfer-reverse-preview GET                 in    404   403   404   403   403   ok    404   403   2fa   ok    ok

# Books: transactions, statements, exports, the audit log
audit-log GET                                in    404   403   403   403   403   ok    404   ok    2fa   ok    ok
audit-log-csv GET                            in    404   403   403   403   403   ok    404   ok    2fa   403   ok
transaction-list GET                         in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
transaction-totals GET                       in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
view-save POST                               in    404   ok    ok    ok    ok    ok    404   ok    2fa   403   ok > transaction-list
view-delete POST                             in    404   404   404   404   404   ok    404   404   2fa   403   ok > transaction-list
transaction-detail GET                       in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
transaction-detail@nile GET                  in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
transaction-detail@retail GET                in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
transaction-detail@otp GET                   in    404   404   ok    404   ok    ok    404   ok    2fa   ok    ok
summary GET                                  in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
statement-list GET                           in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
statement-activity GET                       in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
statement-issue POST                         in    404   ok    404   ok    ok    ok    404   ok    2fa   403   ok > statement-detail
statement-detail GET                         in    404   ok    404   ok    ok    ok    404   ok    2fa   ok    ok
statement-detail@nile GET                    in    404   404   404   404   ok    ok    404   ok    2fa   ok    ok
statement-pdf GET                            in    404   ok    404   ok    ok    ok    404   ok    2fa   403   ok
statement-file GET                           in    404   ok    404   ok    ok    ok    404   ok    2fa   403   ok
statement-file@nile GET                      in    404   404   404   404   ok    ok    404   ok    2fa   403   ok
export-list GET                              in    404   ok    ok    ok    ok    ok    404   ok    2fa   ok    ok
export-new POST                              in    404   ok    ok    ok    ok    ok    404   ok    2fa   403   ok
export-file GET                              in    404   404   404   404   404   ok    404   404   2fa   403   ok
export-cancel POST                           in    404   404   404   404   404   ok    404   404   2fa   403   ok > export-list
export-again POST                            in    404   404   404   404   404   ok    404   404   2fa   403   ok > export-list

# The platform's operators
operator-search GET                          in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-view-as GET                         in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-view-as POST                        in    404   404   404   404   404   404   404   ok    2fa   ok    prove > overview
operator-view-as-stop POST                   in    404   404   404   404   404   404   404   ok    2fa   ok    ok > operator-home, people-list
operator-account-list GET                    in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-new GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-new POST                    in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account GET                         in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-edit GET                    in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-edit POST                   in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account-admin GET                   in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-admin POST                  in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account-admin@again POST            in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account-admin@nile POST             in    404   404   404   404   404   404   404   403   2fa   403   prove
operator-account-limit GET                   in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-limit POST                  in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account-limit-preview GET           in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-suspend GET                 in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-suspend POST                in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-account-restore GET                 in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-account-restore POST                in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-account
operator-adjust GET                          in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-adjust POST                         in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-adjustment-list
operator-adjust-preview GET                  in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-adjustment-list GET                 in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-adjustment-undo GET                 in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-adjustment-undo POST                in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-adjustment-list
operator-approval-list GET                   in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-approval GET                        in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-approval POST                       in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-approval
operator-approval@own GET                    in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-approval@own POST                   in    404   404   404   404   404   404   404   403   2fa   403   prove
operator-audit-log GET                       in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-audit-log-csv GET                   in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-home GET                            in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-review-list GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-review GET                          in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-review POST                         in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-payment
operator-bank-transfer-list GET              in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-bank-transfer-confirm GET           in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-bank-transfer-confirm POST          in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-payment
operator-payment GET                         in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-refund-new GET                      in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-refund-new POST                     in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-payment
operator-refund-list GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-refund-end GET                      in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-refund-end POST                     in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-payment
operator-statement-list GET                  in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-statement-list POST                 in    404   404   404   404   404   404   404   form  2fa   form  prove
operator-statement GET                       in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-statement-progress GET              in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-statement-go-on POST                in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-statement
operator-line-assign GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-line-assign POST                    in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-statement
operator-method-list GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-method-edit GET                     in    404   404   404   404   404   404   404   ok    2fa   ok    ok
operator-method-edit POST                    in    404   404   404   404   404   404   404   ok    2fa   ok    prove > operator-method-list

# Machines, the demo's mailbox and the rest
gateway-webhook POST                         400   400   400   400   400   400   400   400   400   400   400   400
gateway-webhook@signed POST                  ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
healthz GET                                  ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
metrics GET                                  ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
metrics@afar GET                             404   404   404   404   404   404   404   404   404   404   404   404
mailbox-list GET                             404   404   404   404   404   404   404   404   404   404   404   404
mailbox-list@demo GET                        ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
mailbox-mail GET                             404   404   404   404   404   404   404   404   404   404   404   404
mailbox-mail@demo GET                        ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
mailbox-html GET                             404   404   404   404   404   404   404   404   404   404   404   404
mailbox-html@demo GET                        ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
/favicon.ico GET POST PUT PATCH DELETE       ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok > /static/img/favicon.svg
readyz GET                                   ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok    ok
"""

API = r"""
# Operations
api-v1:openapi-json GET                      ok    ok    ok    ok    ok    ok    ok
api-v1:openapi-view GET                      ok    ok    ok    ok    ok    ok    ok
api-v1:balance GET                           401   401   401   403   404   ok    ok
api-v1:subaccounts GET                       401   401   401   403   404   ok    ok
api-v1:entries GET                           401   401   401   403   404   ok    ok
api-v1:charge_one POST                       401   401   401   403   404   ok    ok
api-v1:charge_batch POST                     401   401   401   403   404   ok    ok
api-v1:place_hold POST                       401   401   401   403   404   ok    ok
api-v1:hold GET                              401   401   401   403   404   ok    ok
api-v1:capture_hold POST                     401   401   401   403   404   ok    ok
api-v1:release_hold POST                     401   401   401   403   404   ok    ok
api-v1:explain GET                           ok    ok    ok    ok    ok    ok    ok
api-v1:api-root GET POST PUT PATCH DELETE    404   404   404   404   404   404   404
/api/v1/^ GET POST PUT PATCH DELETE          404   404   404   404   404   404   404
/^api(?:/|\Z) GET POST PUT PATCH DELETE      404   404   404   404   404   404   404
"""
