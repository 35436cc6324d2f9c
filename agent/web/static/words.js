// The words of the pages, as the agent's wording holds them in the configured language.

let words = {};
let language = 'zh';

export async function loadWords(till) {
  const screen = await till.get('/v1/screen');
  words = screen.words;
  language = screen.language;
  document.documentElement.lang = language;
  return screen;
}

export function say(key, values = {}) {
  let text = words[key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value));
  return text;
}

/** What a state or a note says: "CODE" or "CODE: more" in words; anything else as it stands. */
export function reason(text) {
  return words[`code_${text.split(':')[0]}`] ?? text;
}

/** A refusal in this page's language; the agent's own sentence is Chinese, and may hold figures. */
export function spoken({ code = '', detail = '', title = '' }) {
  return (language === 'zh' ? detail : words[`code_${code}`]) || title || detail;
}
