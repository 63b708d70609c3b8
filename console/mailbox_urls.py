"""The demo's mailbox; elsewhere these pages are not there."""

from django.urls import path

from console import mailbox_pages

urlpatterns = [
    path("", mailbox_pages.mailbox_list, name="mailbox-list"),
    path("<slug:name>/", mailbox_pages.mailbox_mail, name="mailbox-mail"),
    path("<slug:name>/html/", mailbox_pages.mailbox_html, name="mailbox-html"),
]
