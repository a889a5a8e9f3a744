// Copy and print recovery codes. Download is a form, which needs no script.
const said = document.querySelector('[data-codes-status]');

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const codes = [...document.querySelectorAll(button.dataset.copy)].map(code => code.textContent.trim());
    // Emptied first, so that copying twice is said twice.
    said.textContent = '';
    try {
      await navigator.clipboard.writeText(codes.join('\n') + '\n');
      said.textContent = 'Copied ' + codes.length + ' codes.';
    } catch {
      said.textContent = 'The browser did not let this page copy. Select the codes and copy them, or download them.';
    }
  });
}

for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}
