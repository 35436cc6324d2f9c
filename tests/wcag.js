// What stands on the page now, judged by WCAG 2.2 AA from the rendered styles: gives a list of offenders in words.
// Evaluated in the page by tests/wcag.py; nothing of it is shipped.
() => {
  const found = [];
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, under) => {
    const [r, g, b, a] = top;
    return [0, 1, 2].map((i) => [r, g, b][i] * a + under[i] * (1 - a)).concat(1);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const name = (el) => el.tagName.toLowerCase() + (el.id ? `#${el.id}` : '') + (typeof el.className === 'string' && el.className
    ? `.${el.className.trim().replace(/\s+/g, '.')}` : '');
  const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && el.getClientRects().length > 0 && !el.closest('[inert]');
  const modal = [...document.querySelectorAll('dialog:modal')].pop();
  const reachable = (el) => !modal || modal.contains(el);
  // What lies behind an element: its own and its ancestors' backgrounds, and how much of it all is let through.
  const behind = (el) => {
    const layers = [];
    for (let one = el; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') found.push(`picture behind text: ${name(one)}`);
      layers.push([parse(style.backgroundColor), Number(style.opacity)]);
      if (one === modal) break;
    }
    let colour = [255, 255, 255, 1];
    let through = 1;
    for (const [layer, opacity] of layers.reverse()) {
      through *= opacity;
      colour = over([layer[0], layer[1], layer[2], layer[3] * through], colour);
    }
    return [colour, through];
  };
  const judge = (el, colour, style, what) => {
    const [ground, through] = behind(el);
    const [r, g, b, a] = parse(colour);
    const got = contrast(over([r, g, b, a * through], ground), ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (got < (large ? 3 : 4.5)) found.push(`contrast ${got.toFixed(2)}: ${what} of ${name(el)} "${(el.textContent || el.value || el.placeholder).trim().slice(0, 30)}"`);
  };
  const counted = { texts: 0, controls: 0 };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const el = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ['SCRIPT', 'STYLE', 'TITLE'].includes(el.tagName) || el.tagName === 'title') continue;
    if (!seen(el) || !reachable(el)) continue;
    counted.texts += 1;
    const style = getComputedStyle(el);
    judge(el, el instanceof SVGElement ? style.fill : style.color, style, 'text');
    for (const part of ['::before', '::after']) {
      const drawn = getComputedStyle(el, part);
      if (drawn.content !== 'none' && drawn.content !== 'normal') judge(el, drawn.color, drawn, part);
    }
  }
  const edges = (el, style) => {
    const [around] = behind(el.parentElement);
    const [inside] = behind(el);
    const edge = over(parse(style.borderTopColor), around);
    const width = parseFloat(style.borderTopWidth);
    const best = Math.max(width > 0 ? contrast(edge, around) : 1, contrast(inside, around));
    if (best < 3) found.push(`edge ${best.toFixed(2)}: ${name(el)}`);
  };
  for (const el of document.querySelectorAll('button, input, textarea, select, a[href], summary')) {
    if (!seen(el) || !reachable(el)) continue;
    counted.controls += 1;
    const style = getComputedStyle(el);
    if (el.value && el.type !== 'password' && !['BUTTON', 'SELECT'].includes(el.tagName)) judge(el, style.color, style, 'value');
    if (el.placeholder && !el.value) judge(el, getComputedStyle(el, '::placeholder').color, style, 'placeholder');
    if (['checkbox', 'radio', 'file'].includes(el.type)) continue;
    if (el.tagName !== 'A') edges(el, style);
    const box = el.getBoundingClientRect();
    // A link in a line of text is as high as its line (2.5.8, exception "inline").
    if (style.display !== 'inline' && (box.height < 24 || box.width < 24)) found.push(`target ${Math.round(box.width)}x${Math.round(box.height)}: ${name(el)}`);
    if (el.tabIndex > 0) found.push(`tabindex ${el.tabIndex}: ${name(el)}`);
  }
  for (const el of document.body.querySelectorAll('*')) {
    if (!seen(el) || !reachable(el) || el instanceof SVGElement || el.tagName === 'TEXTAREA') continue;
    const style = getComputedStyle(el);
    const scrolls = ['auto', 'scroll'].includes(style.overflowX) && el.tagName !== 'BUTTON';
    if (el.clientWidth && el.scrollWidth > el.clientWidth + 1 && !scrolls && style.display !== 'inline') {
      found.push(`clipped ${el.scrollWidth} in ${el.clientWidth}: ${name(el)} "${el.textContent.trim().slice(0, 30)}"`);
    }
    if (style.textOverflow === 'ellipsis' && el.scrollWidth > el.clientWidth) found.push(`cut text: ${name(el)}`);
  }
  if (document.documentElement.scrollWidth > window.innerWidth + 1) found.push('the page is wider than its window');
  if (!/^[a-z]{2}(-[A-Za-z]+)?$/.test(document.documentElement.lang)) found.push('no language');
  if (!document.title.trim()) found.push('no title');
  const ids = [...document.querySelectorAll('[id]')].map((el) => el.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`id twice: ${id}`);
  return { found, counted };
}
