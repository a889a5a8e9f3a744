// Passkeys and security keys in the portal's pages. A form with `data-ceremony` ("enroll" or "sign-in") runs that
// ceremony when it is sent: `data-ask` gives the options, the form's `action` takes the answer, and both get the form's
// fields. `data-offer="field"` puts sign-ins into the field of the user name, `data-offer="upgrade"` makes a passkey
// without a prompt where the browser does so. Without this script, sending the form gives a page that says what to do.
import * as passkeys from './passkeys.js';

class Refusal extends Error {
  constructor(message, go) {
    super(message);
    this.go = go;
  }
}

// The server answers each refusal with {message}, a sentence for the user, and with {go} if he has to go elsewhere first.
async function post(path, fields) {
  let answer;
  try {
    answer = await fetch(path, {method: 'POST', body: new URLSearchParams(fields), headers: {Accept: 'application/json'}});
  } catch {
    throw new Refusal('The server cannot be reached. Check your connection and try again.');
  }
  const json = await answer.json().catch(() => undefined);
  if (!json) throw new Refusal('The server gave no answer to this. Load the page again.');
  if (!answer.ok) throw new Refusal(json.message, json.go);
  return json;
}

// What the browser threw. It does not tell a user who cancelled from one who has no key that fits.
function sentence(error, enrolls, began, timeout) {
  if (error instanceof Refusal) return error.message;
  switch (error.name) {
  case 'NotAllowedError':
    if (timeout && Date.now() - began >= timeout - 1000)
      return 'The time ran out before anything answered. Try again when you have it at hand.';
    return enrolls ? 'Nothing was created: you cancelled, or it is locked or cannot do this. Try again, or take another one.'
                   : 'Nothing answered: you cancelled, or there is no passkey or security key of yours for this site here. '
                     + 'Try again, or choose another way.';
  case 'InvalidStateError':
    return enrolls ? 'This one is registered with your account already. Take another one.'
                   : 'This passkey or security key cannot be used here. Take another one.';
  case 'ConstraintError':
    return 'This authenticator has no PIN, fingerprint or face set up, or no room for a passkey. Set it up, or take another one.';
  case 'NotSupportedError':
    return 'This authenticator cannot make a key of a kind that this site takes. Take another one.';
  case 'SecurityError':
    return 'The browser does not allow this at this address. Open the site by its own name, with https.';
  case 'AbortError':
    return 'This was ended, since another request has begun.';
  default:
    return 'The browser could not do this (' + error.name + '). Try again, or choose another way.';
  }
}

const unsupported = 'This browser has no passkeys and security keys. Choose another way, or use a newer browser.';

// What a valid answer brings for the user's password manager.
async function signal({accepted, details}) {
  await passkeys.signalAllAcceptedCredentials(accepted);
  await passkeys.signalCurrentUserDetails(details);
}

function tell(form, kind, text) {
  for (const region of form.querySelectorAll('[data-tell]'))
    region.textContent = region.dataset.tell === kind ? text : '';
}

// What `ask` and `answer` of the ceremonies are here.
function page(form, asked = () => {}) {
  const fields = () => [...new FormData(form)];
  return {
    ask: async () => {
      const answer = await post(form.dataset.ask, fields());
      asked(answer.options);
      return answer;
    },
    answer: async (json, {challenge}) => {
      const answer = await post(form.action, [...fields(), ['challenge', challenge], ['response', JSON.stringify(json)]]);
      if (answer.status === 'valid') await signal(answer);
      return answer;
    },
  };
}

async function run(form) {
  if (form.getAttribute('aria-busy') === 'true') return;
  const enrolls = form.dataset.ceremony === 'enroll';
  if (!passkeys.available()) {
    tell(form, 'error', unsupported);
    return;
  }
  form.setAttribute('aria-busy', 'true');
  tell(form, 'status', form.dataset.waiting || 'Follow what your browser asks for.');
  let began = Date.now();
  let timeout;
  const here = page(form, options => {
    began = Date.now();
    timeout = options.timeout;
  });
  try {
    const answer = await (enrolls ? passkeys.enroll(here) : passkeys.signIn(here));
    if (answer && answer.status === 'valid') {
      tell(form, 'status', 'Done.');
      location.assign(answer.go);
      return;
    }
    tell(form, 'error', (answer && answer.message) || 'Nothing came of it. Try again.');
  } catch (error) {
    if (error.go) {
      location.assign(error.go);
      return;
    }
    tell(form, 'error', sentence(error, enrolls, began, timeout));
  }
  form.removeAttribute('aria-busy');
  // The browser's own window took the focus.
  form.querySelector('button').focus();
}

for (const form of document.querySelectorAll('form[data-ceremony]'))
  form.addEventListener('submit', event => {
    event.preventDefault();
    run(form);
  });

// Passkeys in the field of the user name: nothing is said unless the user chose one that was refused.
for (const form of document.querySelectorAll('form[data-offer="field"]'))
  passkeys
    .offerInField({
      ...page(form),
      refused: answer => {
        if (answer.status) tell(form, 'error', answer.message);
      },
    })
    .then(answer => {
      if (answer) location.assign(answer.go);
    })
    .catch(() => {}); // an offer; the button says what is wrong

// A passkey after a password, without a prompt.
for (const form of document.querySelectorAll('form[data-offer="upgrade"]'))
  passkeys
    .upgrade(page(form))
    .then(answer => {
      if (!answer || answer.status !== 'valid') return;
      tell(form, 'status', form.dataset.made);
      for (const other of form.parentElement.querySelectorAll('form:not([data-offer])')) other.hidden = true;
    })
    .catch(() => {});

// What a page brings after a passkey was removed, renamed or used.
for (const element of document.querySelectorAll('[data-accepted], [data-details]')) signal(element.dataset);
