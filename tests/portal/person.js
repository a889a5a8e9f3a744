// What a person finds on a page, and what is held against every page. Evaluated in the page by person.hpp.
const spoken = element => {
  const label = element.getAttribute('aria-label') ||
    (element.labels && element.labels.length ? element.labels[0].textContent : element.textContent);
  return label.replace(/\s+/g, ' ').trim();
};
const seen = element => element.checkVisibility() && !element.closest('[inert]');
const find = (selector, name) => {
  const all = [...document.querySelectorAll(selector)].filter(seen)
    .sort((a, b) => !a.closest('main') - !b.closest('main')); // the navigation last
  return all.find(element => spoken(element) === name) || all.find(element => spoken(element).startsWith(name)) || null;
};
const field = name => find('input, select, textarea', name);
const button = name => find('button, a, summary', name);

// Pages of one shape have elements of the same kinds in one another, whatever their words and however many.
const shape = () => {
  const kind = ({tagName, className, type, role}) => [tagName, className.baseVal ?? className, type, role].join('.');
  const kinds = new Set([...document.querySelectorAll('body *')].map(element =>
    kind(element.parentElement) + '>' + kind(element) + (element.ariaInvalid || '')));
  return location.pathname.replace(/auth_\w+|user_\w+/g, '*') + ' ' + [...kinds].sort().join(' ');
};

// Each violation as a line.
const violations = async options => (await axe.run(document, options)).violations.map(({id, help, nodes}) =>
  id + ': ' + help + ': ' + nodes.map(({html, failureSummary}) => html.slice(0, 160) + ' (' + failureSummary + ')').join(' | '));

// What sticks out of a page that is too wide.
const sideways = () => document.scrollingElement.scrollWidth <= innerWidth ? [] :
  [document.scrollingElement.scrollWidth + ' px on ' + innerWidth + ': ' +
   [...document.querySelectorAll('body *')].filter(element => element.getBoundingClientRect().right > innerWidth)
     .map(element => element.outerHTML.slice(0, 120)).slice(0, 5).join(' | ')];
