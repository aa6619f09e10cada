// Runs in a page: what is wrong with it for somebody who does not see it well, or sees it on a phone.
(() => {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    faults.push(`scrolls sideways: ${document.documentElement.scrollWidth} > ${innerWidth}`);
  }
  for (const selector of ['h1', 'main', 'header', 'nav[aria-label]', 'footer', 'html[lang]', 'title']) {
    if (document.querySelector(selector) === null) {
      faults.push(`has no ${selector}`);
    }
  }
  if (document.querySelectorAll('h1').length !== 1) {
    faults.push('has not one h1');
  }
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (field.labels?.length !== 1) {
      faults.push(`field ${field.getAttribute('name')} has no label`);
    }
  }
  for (const table of document.querySelectorAll('table')) {
    if (table.querySelector('thead th[scope]') === null) {
      faults.push(`a table has no headings: ${table.className}`);
    }
  }
  for (const link of document.querySelectorAll('a, button, summary')) {
    if ((link.textContent ?? '').trim() === '') {
      faults.push(`a link has no words: ${link.outerHTML.slice(0, 80)}`);
    }
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) {
    faults.push('an id is there twice');
  }
  if ((document.body.textContent ?? '').match(/undefined|NaN|\[object Object\]|\{\{[#/>]/u) !== null) {
    if (!location.search.includes('name=location')) {
      faults.push('a value is missing');
    }
  }
  function luminance(colour) {
    const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/gu) ?? []).slice(0, 3).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function ground(element) {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!backgroundColor.endsWith(', 0)')) {
        return backgroundColor;
      }
    }
    return 'rgb(255, 255, 255)';
  }
  const seen = new Set();
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? '').trim() !== '',
    );
    if (!own || element.closest('svg') !== null || element.closest('.unseen') !== null) {
      continue;
    }
    const pair = `${getComputedStyle(element).color} on ${ground(element)}`;
    if (seen.has(pair)) {
      continue;
    }
    seen.add(pair);
    const [front = '', back = ''] = pair.split(' on ');
    const [one, other] = [luminance(front), luminance(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) {
      faults.push(`${element.className} has a contrast of ${ratio.toFixed(2)}: ${pair}`);
    }
  }
  return faults;
})();
