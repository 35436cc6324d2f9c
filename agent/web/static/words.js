// The words of the pages, as the agent's wording holds them in the configured language.

let words = {};

export async function loadWords(till) {
  const screen = await till.get('/v1/screen');
  words = screen.words;
  document.documentElement.lang = screen.language;
  return screen;
}

export function say(key, values = {}) {
  let text = words[key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value));
  return text;
}
