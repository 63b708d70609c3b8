"""Sign-in and passwords: the pages of allauth that belong here.

Left out: changing one's e-mail address (people come by invitation, and the address is how they
sign in) and what only other settings of allauth would need.
"""

from allauth.account.urls import urlpatterns as offered

LEFT_OUT = {"account_email", "account_set_password", "account_confirm_login_code"}

urlpatterns = [page for page in offered if page.name not in LEFT_OUT]
