// Passkeys: a form with data-passkey asks the browser for one, and sends what it answers. Its button
// shows only where that works.

const form = document.querySelector("form[data-passkey]");
if (form && window.PublicKeyCredential) {
  const ids = {
    credential: form.querySelector("input[name=credential]").id,
    data: "passkey-data",
    login: "passkey",
    authenticate: "passkey",
    add: "passkey",
    passwordless: "id_passwordless",
  };
  const forms = window.allauth.webauthn.forms;
  ({ login: forms.loginForm, authenticate: forms.authenticateForm, add: forms.addForm })[
    form.dataset.passkey
  ]({ ids });
  document.getElementById("passkey").hidden = false;
}

// The person has cancelled it, or there is none: say so, and it is no error of ours.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const trouble = document.querySelector("[data-passkey-trouble]");
  if (trouble) trouble.hidden = false;
});
