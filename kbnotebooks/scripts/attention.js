// What the box of an attention view does when a key is pressed, a word is clicked or a list is
// changed. It is the box's own event handler (`this` is the box, `event` what happened), so it
// needs no library, no network and no kernel, and works in a saved page. Number 0 of a layer or a
// head stands for the mean of all.
const state = { ...this.dataset };
const names = ["word", "layer", "head"];
for (const name of names) state[name] = Number(state[name]);
const words = [...this.querySelectorAll(".kb-looked")];
const most = { word: words.length - 1, layer: Number(state.layers), head: Number(state.heads) };

if (event.type === "keydown") {
  const steps = {
    ArrowRight: ["word", 1], ArrowLeft: ["word", -1],
    ArrowDown: ["head", 1], ArrowUp: ["head", -1],
    PageDown: ["layer", 1], PageUp: ["layer", -1],
    Home: ["word", -words.length], End: ["word", words.length],
  };
  const step = steps[event.key];
  if (!step || event.target.matches("select, input, summary")) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  const [name, by] = step;
  state[name] = Math.min(Math.max(state[name] + by, 0), most[name]);
} else if (event.type === "click") {
  const clicked = event.target.closest(".kb-looked");
  if (!clicked) return;
  state.word = Number(clicked.dataset.word);
  this.querySelector("[role=listbox]").focus();
} else {
  const changed = event.target.dataset.choose;
  if (!changed) return;
  state[changed] = Number(event.target.value);
}

// Weights are numbers of 16 bits, in the order layer, head, from, to.
const bytes = Uint8Array.from(atob(state.weights), (one) => one.charCodeAt(0));
const weights = new Uint16Array(bytes.buffer);
const chosen = (number, all) => (number ? [number - 1] : [...Array(all).keys()]);
const layers = chosen(state.layer, most.layer);
const heads = chosen(state.head, most.head);
const row = words.map((_, to) => {
  let sum = 0;
  for (const layer of layers)
    for (const head of heads) {
      const from = (layer * most.head + head) * words.length + state.word;
      sum += weights[from * words.length + to];
    }
  return sum / (layers.length * heads.length * 65535);
});

const number = new Intl.NumberFormat(state.language, { style: "percent", maximumFractionDigits: 0 });
const percent = (share) => number.format(share).replace("%", " %").replace(/\s+%/, " %");
const largest = Math.max(...row);
const cells = [...this.querySelectorAll("tbody tr")];
words.forEach((word, at) => {
  word.setAttribute("aria-selected", at === state.word);
  word.querySelector(".kb-weight").textContent = percent(row[at]);
  word.querySelector(".kb-column").style.height = `${(100 * row[at]) / largest}%`;
  cells[at].lastElementChild.textContent = percent(row[at]);
});
const list = this.querySelector("[role=listbox]");
list.setAttribute("aria-activedescendant", words[state.word].id);
const name = (at) => words[at].querySelector(".kb-word").textContent;
const first = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b).slice(0, 3);
const where = (what) => this.querySelector(`[data-choose=${what}]`);
for (const what of ["layer", "head"]) where(what).value = String(state[what]);
const said = (what) => where(what).selectedOptions[0].textContent;
this.querySelector("[role=status]").textContent = state.said
  .replace("{layer}", said("layer"))
  .replace("{head}", said("head"))
  .replace("{word}", name(state.word))
  .replace("{targets}", first.map((at) => `${name(at)} ${percent(row[at])}`).join(", "));
this.querySelector("caption").textContent = state.caption.replace("{word}", name(state.word));
for (const what of names) this.dataset[what] = String(state[what]);

// Where a kernel listens, it is told; a page that was saved has no such field.
const field = this.closest(".kb-attention-live")?.querySelector(".kb-attention-state input");
if (field) {
  field.value = names.map((what) => state[what]).join(" ");
  for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
}
