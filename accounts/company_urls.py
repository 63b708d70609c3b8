"""Pages about a company's people and keys, under its address."""

from django.urls import path

from accounts.views import api_keys, invitations, people

urlpatterns = [
    path("people/", people.people_list, name="people-list"),
    path("people/invite/", invitations.invitation_new, name="invitation-new"),
    path(
        "people/invitations/<int:pk>/send/",
        invitations.invitation_send_again,
        name="invitation-send-again",
    ),
    path(
        "people/invitations/<int:pk>/withdraw/",
        invitations.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path("people/<int:pk>/role/", people.person_role, name="person-role"),
    path("people/<int:pk>/remove/", people.person_remove, name="person-remove"),
    path("api-keys/", api_keys.api_key_list, name="api-key-list"),
    path("api-keys/new/", api_keys.api_key_new, name="api-key-new"),
    path("api-keys/<slug:prefix>/revoke/", api_keys.api_key_revoke, name="api-key-revoke"),
]
