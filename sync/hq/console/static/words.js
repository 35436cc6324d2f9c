// The words of the console, as headquarters' wording holds them in the browser's language.

let words = {};

export async function loadWords(hq) {
  words = await hq.get(`/words?language=${encodeURIComponent(navigator.language)}`);
  document.documentElement.lang = words.language;
}

export const known = (key) => key in words;

export function say(key, values = {}) {
  let text = words[key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value));
  return text;
}
