// The pages work without this: it only saves a few keys.
(() => {
  'use strict';

  function isTyping(target) {
    return target instanceof HTMLElement && target.closest('input, textarea, select') !== null;
  }

  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
      return;
    }
    const field = document.querySelector('[data-search]');
    if (field instanceof HTMLInputElement) {
      event.preventDefault();
      field.focus();
      field.select();
    } else {
      event.preventDefault();
      location.assign('/debug/routes#search');
    }
  });

  // A page has a part of the configuration: the line that an address names may be on another.
  function openLine() {
    const match = /^#L([1-9]\d{0,8})$/.exec(location.hash);
    if (
      match === null ||
      document.querySelector('.pager') === null ||
      document.querySelector(location.hash) !== null
    ) {
      return;
    }
    const there = new URL(location.href);
    if (there.searchParams.get('line') === match[1]) {
      return;
    }
    there.searchParams.delete('page');
    there.searchParams.delete('lines');
    there.searchParams.set('line', match[1]);
    location.replace(there);
  }

  addEventListener('hashchange', openLine);
  openLine();
  if (location.hash === '#search') {
    document.querySelector('[data-search]')?.focus();
  }
})();
