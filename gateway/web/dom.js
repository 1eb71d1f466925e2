// SPDX-License-Identifier: EUPL-1.2
// Builds elements without markup strings, so that no name of a person can ever become markup.

/** Returns the element with that id. */
export const byId = (id) => document.getElementById(id);

/** Builds an element; `attributes` may hold class, text, and any attribute (null leaves it out). */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name === 'text') node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Builds an icon of the sprite; it is decoration, the text beside it says the same. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `/assets/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Changes the icon inside a button. */
export const setIcon = (button, name) => button.querySelector('use').setAttribute('href', `/assets/icons.svg#${name}`);

/** Sets the text only if it differs, so that screen readers and selections are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
