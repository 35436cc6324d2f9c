// Draws a panel anew and leaves what is the same where it stands: a button under a pressed finger, or one that the
// keyboard has reached, stays that very button however often the page looks again.

const HOLDERS = new Set(['TABLE', 'THEAD', 'TBODY', 'TR', 'TD', 'DL', 'DIV', 'H2']);
const keyOf = (node) => node.dataset?.key;

/**
 * As `show` of dom.js, for elements that are drawn again and again. Rows whose buttons act on something carry its id as
 * `data-key`, so that equal words never stand for another row. Holders carry no listeners of their own.
 */
export function renew(place, ...children) {
  const made = children.flat(Infinity).filter((one) => one);
  settle(place, made.map((one) => (one instanceof Node ? one : document.createTextNode(String(one)))));
}

function settle(place, made) {
  const wanted = new Set(made.map(keyOf).filter(Boolean));
  for (const old of [...place.childNodes]) if (keyOf(old) && !wanted.has(keyOf(old))) old.remove();
  const rows = new Map([...place.children].filter(keyOf).map((one) => [keyOf(one), one]));
  let next = place.firstChild;
  for (const fresh of made) {
    const alike = keyOf(fresh) ? rows.get(keyOf(fresh)) : next && !keyOf(next) && next.nodeName === fresh.nodeName && next;
    const stays = alike ? kept(alike, fresh) : fresh;
    if (alike && stays !== alike) {
      if (alike === next) next = next.nextSibling;
      alike.remove();
    }
    if (stays === next) next = next.nextSibling;
    else place.insertBefore(stays, next);
  }
  while (next) {
    const over = next;
    next = next.nextSibling;
    over.remove();
  }
}

/** The old node where it can go on, made equal to the fresh one; else the fresh one. */
function kept(old, fresh) {
  if (old.isEqualNode(fresh)) return old;
  if (!HOLDERS.has(fresh.nodeName)) return fresh;
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) old.setAttribute(name, fresh.getAttribute(name));
  settle(old, [...fresh.childNodes]);
  return old;
}
