// The playground, behind drawing.js and engine.js: four things to do with an energy, each in a panel of its own.
const PANELS = {
  dream: ["Dream", "04_langevin", "Chapter 04: Langevin sampling",
    "Each picture begins as noise, and every step moves it downhill on the energy, with a little noise. After 60 steps most have come to rest in a digit, and nobody told them in which. Raise the temperature and the digits drown."],
  draw: ["Draw", "01_boltzmann", "Chapter 01: what an energy is",
    "The network gives your drawing one number, its energy: low for what looks like a digit, high for what doesn't. The mark shows where it lies among the energies of real digits. The arrows say what would lower it: up where a pixel should be lighter, down where it should be darker."],
  finish: ["Finish it", "11_applications", "Chapter 11: what else the energy knows",
    "What you drew is held, and the rest walks from noise to low energy around it. Each answer began from other noise, so there are several. Hold half a digit and see which digits share it."],
  plane: ["The plane", "04_langevin", "Chapter 04: the laboratory",
    "Three hundred chains walk on an energy of two numbers, whose density is known exactly. With a small step and matched noise their histogram agrees with the curve. A bold step smears it out, less noise freezes it, and a clipped slope lets the chains stray."],
};
const SURFACE_NAMES = { ring: "ring", well: "double well", mixture: "mixture of three" };
const USUAL = { view: "dream", energy: "", seed: 0, t: 1, at: "", ink: "", pen: 1.2, hold: "ink", again: 0, surface: "ring", step: -2, noise: 1, heat: 1, clip: 100 };

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const fixed = (value, places = 2) => value.toFixed(places).replace("-", "\u2212");
const joules = (value) => fixed(value, Math.abs(value) < 1 ? 3 : 2); // an energy, in words

// ---- the engine: a worker, or the page itself where no worker may start ----

function connect(threads = true) {
  const waiting = new Map();
  let worker = null, here = null, ticket = 0;
  const settle = ({ ticket: number, value, error }) => {
    const { done, fail } = waiting.get(number);
    waiting.delete(number);
    if (error) fail(new Error(error)); else done(value);
  };
  const local = (message) => setTimeout(() => settle({ ticket: message.ticket, ...here.answer(message) }), 0);
  const stay = () => {
    here = makeEngine();
    worker = null;
    [...waiting.values()].forEach(({ message }) => local(message));
  };
  try {
    if (!threads) throw new Error("no worker is wanted");
    const text = `const engine = (${makeEngine})(); onmessage = ({ data }) => postMessage({ ticket: data.ticket, ...engine.answer(data) });`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = ({ data }) => { URL.revokeObjectURL(address); settle(data); };
    worker.onerror = stay;
  } catch { stay(); }
  return {
    ask: (task, rest) => new Promise((done, fail) => {
      const message = { ticket: ticket += 1, task, ...rest };
      waiting.set(ticket, { done, fail, message });
      if (worker) worker.postMessage(message); else local(message);
    }),
    close: () => worker?.terminate(),
    alone: () => !worker,
  };
}

// ---- pictures ----

const STOPS = [[-1, 17, 20, 44], [-0.35, 62, 64, 138], [0.3, 176, 160, 208], [1, 255, 249, 236]];
const HELD = [[-1, 17, 20, 44], [0, 150, 82, 40], [1, 255, 180, 84]];

function colours(stops) { // 256 colours between those of the stops
  return Uint8ClampedArray.from({ length: 1024 }, (_, i) => {
    const value = (i >> 2) / 127.5 - 1, part = i & 3, k = Math.max(1, stops.findIndex(([at]) => at >= value));
    const [a, b] = [stops[k - 1], stops[k]], share = (value - a[0]) / (b[0] - a[0]);
    return part === 3 ? 255 : a[part + 1] + share * (b[part + 1] - a[part + 1]);
  });
}
const TABLE = colours(STOPS), TABLE_HELD = colours(HELD);

function paint(canvas, x, [height, width, channels], held = null) {
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), grey = channels < 3;
  for (let i = 0; i < height * width; i += 1) {
    if (grey) {
      const at = 4 * Math.round((Math.max(-1, Math.min(1, x[i * channels])) + 1) * 127.5);
      image.data.set((held?.[i * channels] ? TABLE_HELD : TABLE).subarray(at, at + 4), 4 * i);
    } else {
      image.data.set([0, 1, 2].map((c) => (x[i * channels + c] + 1) * 127.5).concat(255), 4 * i);
    }
  }
  context.putImageData(image, 0, 0);
}

function tiles(parent, count, [height, width], label) {
  const box = add(parent, "div", "ebm-tiles", { role: "img", "aria-label": label });
  const canvases = Array.from({ length: count }, () => add(box, "canvas", "", { width, height }));
  return { box, draw: (x, shape, held) => canvases.forEach((canvas, b) => {
    const size = shape[0] * shape[1] * shape[2];
    paint(canvas, x.subarray(b * size, (b + 1) * size), shape, held);
  }) };
}

// ---- controls ----

function button(parent, text, act, look = "") {
  const node = add(parent, "button", look, { type: "button" });
  node.textContent = text;
  node.addEventListener("click", act);
  return node;
}

function slider(parent, name, [least, most, by], value, show, act) {
  const row = add(parent, "label", "ebm-slider"), words = add(row, "span", "");
  words.textContent = name;
  const input = add(row, "input", "", { type: "range", min: least, max: most, step: by, "aria-label": name });
  const output = add(row, "output", "");
  const set = (number) => { input.value = number; output.textContent = show(Number(input.value)); input.setAttribute("aria-valuetext", output.textContent); };
  input.addEventListener("input", () => { set(input.value); act(Number(input.value)); });
  set(value);
  return { set, input };
}

function choice(parent, name, options, value, act) {
  const row = add(parent, "label", "ebm-choice");
  add(row, "span", "").textContent = name;
  const select = add(row, "select", "");
  const fill = (more) => {
    select.replaceChildren();
    for (const [key, text] of Object.entries(more)) add(select, "option", "", { value: key }).textContent = text;
  };
  fill(options);
  select.value = value;
  select.addEventListener("change", () => act(select.value));
  return { select, fill };
}

// ---- the state, which the address holds ----

function readState(text) {
  const state = { ...USUAL }, [view, ...rest] = text.replace(/^#/, "").split("&");
  if (view in PANELS) state.view = view;
  for (const [name, value] of new URLSearchParams(rest.join("&"))) {
    if (!(name in USUAL) || name === "view") continue;
    if (typeof USUAL[name] === "string") state[name] = value;
    else if (value !== "" && Number.isFinite(Number(value))) state[name] = Number(value);
  }
  if (!(state.hold in HOLDS)) state.hold = USUAL.hold;
  if (!/^(ring|well|mixture|own\d+)$/.test(state.surface)) state.surface = USUAL.surface;
  return state;
}

const OF_PANEL = { dream: ["seed", "t", "at"], draw: ["ink"], finish: ["ink", "hold", "again"], plane: ["surface", "step", "noise", "heat", "clip", "seed"] };

function writeState(state) {
  const said = new URLSearchParams();
  for (const name of ["energy", ...OF_PANEL[state.view]]) if (state[name] !== USUAL[name]) said.set(name, state[name]);
  return `#${state.view}${said.size ? `&${said}` : ""}`;
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function inkText(x) { // 16 levels a number; a run of up to 48 empty ones is one letter
  let text = "", run = 0;
  const flush = () => { for (; run > 0; run -= Math.min(run, 48)) text += LETTERS[15 + Math.min(run, 48)]; };
  for (const value of x) {
    const level = Math.round((value + 1) * 7.5);
    if (!level) { run += 1; continue; }
    flush();
    text += LETTERS[level];
  }
  return text;
}

function inkOf(text, size) {
  const x = new Float32Array(size).fill(-1);
  let at = 0;
  for (const letter of text) {
    const code = LETTERS.indexOf(letter);
    if (code > 15) at += code - 15;
    else if (code > 0 && at < size) { x[at] = code / 7.5 - 1; at += 1; }
  }
  return x;
}

// ---- a pad to draw on: mouse, finger, pen and keys ----

const EXAMPLE = [[[0.36, 0.3], [0.44, 0.21], [0.56, 0.2], [0.65, 0.27], [0.64, 0.37], [0.55, 0.45], [0.46, 0.49]]]; // the upper half of a 3

function stroke(x, [height, width, channels], from, to, radius, value) {
  const [ax, ay] = from, [bx, by] = [to[0] - ax, to[1] - ay], long = bx * bx + by * by || 1;
  for (let i = 0; i < height; i += 1) for (let j = 0; j < width; j += 1) {
    const share = Math.max(0, Math.min(1, ((j + 0.5 - ax) * bx + (i + 0.5 - ay) * by) / long));
    const far = Math.hypot(j + 0.5 - ax - share * bx, i + 0.5 - ay - share * by), cover = Math.max(0, Math.min(1, radius + 0.5 - far));
    for (let c = 0; c < channels; c += 1) {
      const at = (i * width + j) * channels + c;
      x[at] = value > 0 ? Math.max(x[at], 2 * cover - 1) : Math.min(x[at], 1 - 2 * cover);
    }
  }
}

function example([height, width, channels]) {
  const x = new Float32Array(height * width * channels).fill(-1);
  for (const line of EXAMPLE) line.slice(1).forEach(([u, v], i) => stroke(x, [height, width, channels], [line[i][0] * width, line[i][1] * height], [u * width, v * height], 1.2, 1));
  return x;
}

function pad(parent, app, changed) {
  const [height, width] = app.shape(), box = add(parent, "div", "ebm-pad");
  const canvas = add(box, "canvas", "", { width, height, tabindex: 0, role: "application", "aria-label": "Your drawing: draw with mouse, finger or pen; arrow keys move the pen, Space lowers and lifts it, Z undoes" });
  const cursor = add(box, "div", "ebm-pen", { "aria-hidden": "true" }), bar = add(parent, "div", "ebm-row");
  const past = [];
  let last = null, down = false, erase = false, keyed = [width / 2, height / 4];
  const keep = () => { past.push(app.ink.slice()); if (past.length > 50) past.shift(); };
  const show = () => paint(canvas, app.ink, app.shape());
  const told = () => { show(); app.drew(); changed(); };
  const to = (place) => { stroke(app.ink, app.shape(), last ?? place, place, app.state.pen, erase ? -1 : 1); last = place; told(); };
  const place = (event) => {
    const area = canvas.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width * width, (event.clientY - area.top) / area.height * height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    keep();
    down = true;
    last = null;
    to(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (down) for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) to(place(one));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { down = false; last = null; app.remember(); });
  const undo = () => { if (past.length) { app.ink.set(past.pop()); told(); app.remember(); } };
  const mark = (on) => {
    cursor.hidden = !on;
    cursor.classList.toggle("down", last !== null);
    cursor.style.left = `${100 * keyed[0] / width}%`;
    cursor.style.top = `${100 * keyed[1] / height}%`;
  };
  const go = (x, y) => {
    keyed = [clamp(keyed[0] + x, width), clamp(keyed[1] + y, height)];
    if (last) { to([...keyed]); app.remember(); }
    mark(true);
  };
  const lower = () => { if (last) last = null; else { keep(); to([...keyed]); app.remember(); } mark(true); };
  keys(canvas, { ArrowLeft: () => go(-1, 0), ArrowRight: () => go(1, 0), ArrowUp: () => go(0, -1), ArrowDown: () => go(0, 1), " ": lower, z: undo, Z: undo });
  canvas.addEventListener("focus", () => mark(canvas.matches(":focus-visible")));
  canvas.addEventListener("blur", () => { if (!down) last = null; mark(false); });
  mark(false);
  button(bar, "Clear", () => { keep(); app.ink.fill(-1); told(); app.remember(); });
  button(bar, "Undo", undo);
  const rub = button(bar, "Erase", () => { erase = !erase; rub.setAttribute("aria-pressed", String(erase)); });
  rub.setAttribute("aria-pressed", "false");
  slider(bar, "Pen", [0.6, 4, 0.2], app.state.pen, (v) => `${fixed(2 * v, 1)} pixels`, (v) => { app.state.pen = v; });
  return { canvas, show };
}

// ---- Dream ----

const CHAINS = 16, PACE = 45; // ms from one picture to the next at least

function dream(app, panel) {
  const stage = add(panel, "div", "ebm-stage"), side = add(panel, "div", "ebm-side");
  const { sampler, steps } = app.config, shape = app.shape(), size = shape[0] * shape[1] * shape[2];
  const images = tiles(stage, CHAINS, shape, "");
  describe(side, "dream", app);
  const bar = add(side, "div", "ebm-row"), frames = [], energies = [];
  let shown = 0, playing = false, run = 0;
  const play = button(bar, "Pause", () => (playing ? stop() : resume()), "ebm-main");
  button(bar, "Again, from other noise", () => { app.put({ seed: app.state.seed + 1, at: "" }); begin(); });
  const text = (index) => `Step ${index} of ${steps}, mean energy ${energies[index] ? joules(mean([...energies[index]])) : "unknown"}`;
  slider(side, "Temperature", [0, 20, 0.5], Math.sqrt(app.state.t), (v) => `${fixed(v * v, v < 3 ? 2 : 0)} \u00d7 usual`, (v) => {
    app.put({ t: Math.round(v * v * 100) / 100, at: "" });
    begin();
  });
  const words = add(side, "p", "ebm-readout", { "aria-live": "off" });
  const data = { step: Array.from({ length: steps + 1 }, (_, i) => i), last: steps, chains: CHAINS, energy: new Float32Array(CHAINS), text };
  const curve = drawCurve(side, data, (index) => { stop(); show(clamp(index, frames.length - 1)); app.put({ at: String(shown) }); }, [-1, 1], "ebm-curve", "energy of each picture; drag to scrub back");
  const move = (by) => { stop(); show(clamp(shown + by, frames.length - 1)); app.put({ at: String(shown) }); };
  keys(panel.querySelector(".ebm-curve"), { ArrowLeft: () => move(-1), ArrowRight: () => move(1), PageDown: () => move(-10), PageUp: () => move(10), Home: () => move(-steps), End: () => move(steps), " ": () => play.click() });

  function show(index) {
    shown = index;
    if (!frames[index]) return;
    const x = Float32Array.from(frames[index], (v) => v / 127.5 - 1);
    images.draw(x, shape);
    images.box.setAttribute("aria-label", `${CHAINS} pictures. ${text(index)}`);
    words.textContent = text(index);
    curve(index, 0);
  }
  function keepFrame({ x, energies: e }) {
    frames.push(Uint8Array.from(x, (v) => Math.round((v + 1) * 127.5)));
    energies.push(e);
    const all = Float32Array.from(energies.flatMap((one) => [...one])), fall = CHAINS * Math.min(Math.floor(steps / 15), frames.length - 1);
    const [least, most] = range(all.subarray(fall)); // the first steps fall by far more than all others
    curve.fill(all, [least - 0.05 * (most - least), most + 0.05 * (most - least)]);
  }
  function stop() { playing = false; play.textContent = frames.length > steps && shown === steps ? "Play again" : "Play"; }
  function resume() {
    if (shown >= steps) shown = -1;
    app.put({ at: "" });
    walk(run);
  }
  async function walk(mine) { // shows what is there, and computes what is not
    playing = true;
    play.textContent = "Pause";
    while (playing && mine === run && shown < steps) {
      const from = performance.now();
      if (!frames[shown + 1]) keepFrame(await app.ask("step", { id: app.id("dream"), sampler: warmer() }));
      if (!playing || mine !== run) return;
      show(shown + 1);
      if (shown === steps) break;
      await pause(Math.max(0, PACE - performance.now() + from));
    }
    if (mine === run) stop();
  }
  const warmer = () => ({ noise_scale: sampler.noise_scale * Math.sqrt(app.state.t) });
  async function begin() {
    const mine = run += 1, until = app.state.at === "" ? null : Number(app.state.at);
    playing = false;
    const settings = { id: app.id("dream"), key: app.key, sampler: { ...sampler, ...warmer() }, seed: app.state.seed, chains: CHAINS };
    const first = await app.ask("start", settings);
    if (mine !== run) return;
    frames.length = energies.length = 0;
    keepFrame(first);
    show(0);
    if (until === null && !(calm() || app.still)) { walk(mine); return; }
    app.still = false;
    while (frames.length <= (until ?? 0) && frames.length <= steps) {
      const next = await app.ask("step", { id: app.id("dream"), sampler: warmer() });
      if (mine !== run) return;
      keepFrame(next);
    }
    show(clamp(until ?? 0, steps));
    stop();
  }
  begin();
  return { leave: () => { run += 1; playing = false; app.ask("stop", { id: app.id("dream") }); } };
}

function describe(parent, view, app) {
  const [, page, title, text] = PANELS[view], sentences = add(parent, "p", "ebm-text");
  sentences.textContent = `${text.replace("60 steps", `${app.config.steps} steps`)} `;
  if (app.links) add(sentences, "a", "", { href: app.links(page) }).textContent = title;
}

// ---- Draw ----

function draw(app, panel) {
  const stage = add(panel, "div", "ebm-stage ebm-two"), side = add(panel, "div", "ebm-side");
  const left = add(stage, "div", ""), right = add(stage, "div", "");
  const [height, width, channels] = app.shape(), scale = Math.max(4, Math.floor(384 / width));
  const board = pad(left, app, ask), arrows = add(right, "canvas", "ebm-arrows", { role: "img", width: width * scale, height: height * scale });
  add(right, "p", "ebm-key").innerHTML = "<span class='up'>\u25b2 lighter</span> <span class='down'>\u25bc darker</span> would lower the energy";
  const number = add(side, "p", "ebm-number", { role: "status" }), chart = add(side, "div", "ebm-chart");
  describe(side, "draw", app);
  let busy = false, again = false, alive = true;
  async function ask() { // one question at a time, and the last one is always answered
    if (busy) { again = true; return; }
    do {
      busy = true;
      again = false;
      const { energies, grad } = await app.ask("look", { key: app.key, x: app.ink.slice() });
      if (alive) told(energies[0], grad);
    } while (again && alive);
    busy = false;
  }
  function told(energy, grad) {
    number.textContent = `Energy ${joules(energy)}`;
    chart.replaceChildren();
    histogram(chart, app.config.energies, energy);
    const lengths = grad.map((g, i) => (app.ink[i] * g < -0.98 * Math.abs(g) ? 0 : Math.abs(g))), most = lengths.reduce((a, b) => Math.max(a, b), 1e-12), context = arrows.getContext("2d");
    const back = document.createElement("canvas");
    Object.assign(back, { width, height });
    paint(back, app.ink.map((v) => -1 + 0.35 * (v + 1)), app.shape());
    context.imageSmoothingEnabled = false;
    context.drawImage(back, 0, 0, width * scale, height * scale);
    for (let i = 0; i < height * width; i += 1) {
      const slope = grad[i * channels], stuck = app.ink[i * channels] * slope < -0.98 * Math.abs(slope); // it can't go further that way
      const size = Math.sqrt(Math.abs(slope) / most) * scale / 2;
      if (stuck || size < scale / 6) continue;
      const x = (i % width + 0.5) * scale, y = (Math.floor(i / width) + 0.5) * scale, up = slope < 0 ? -1 : 1;
      context.fillStyle = up < 0 ? "#ffb454" : "#63b3ff";
      context.beginPath();
      context.moveTo(x, y + up * size);
      context.lineTo(x - 0.8 * size, y - up * size);
      context.lineTo(x + 0.8 * size, y - up * size);
      context.fill();
    }
    arrows.setAttribute("aria-label", `Arrows on your drawing: what would lower its energy of ${joules(energy)}`);
  }
  board.show();
  ask();
  return { leave: () => { alive = false; } };
}

function histogram(parent, known, energy) {
  if (!known) { add(parent, "p", "ebm-key").textContent = "This file holds no energies of real data to compare with."; return; }
  const wide = 0.6 * (known.high - known.low), low = known.low - wide / 2, high = known.high + wide, most = Math.max(...known.counts);
  const svg = add(parent, "svg", "", { viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": `Energies of real digits, from ${joules(known.low)} to ${joules(known.high)}; your drawing has ${joules(energy)}` });
  const x = (e) => 100 * (e - low) / (high - low), bar = (known.high - known.low) / known.counts.length;
  add(svg, "path", "bars", { d: known.counts.map((n, i) => `M${x(known.low + i * bar)},40v${-38 * n / most}h${0.86 * x(low + bar)}V40`).join("") });
  const at = Math.max(0, Math.min(100, x(energy))), side = at > 60 ? "right" : "left", words = add(parent, "span", `mark ${side}`);
  add(svg, "line", "mark", { x1: at, x2: at, y1: 0, y2: 40 });
  words.style[side] = `${side === "left" ? at : 100 - at}%`;
  words.textContent = x(energy) > 100 ? "yours, far to the right \u2192" : x(energy) < 0 ? "\u2190 yours, far to the left" : "yours";
  for (const value of [known.low, known.high]) Object.assign(add(parent, "span", "tick").style, { left: `${x(value)}%` });
  parent.querySelectorAll(".tick").forEach((tick, i) => { tick.textContent = fixed([known.low, known.high][i]); });
}

// ---- Finish it ----

const HOLDS = { ink: "what I drew", upper: "the upper half", left: "the left half" }, ANSWERS = 9;

function heldBy(hold, ink, [height, width, channels]) { // 1 where the drawing stays
  return Uint8Array.from(ink, (_, at) => {
    const i = Math.floor(at / channels / width), j = Math.floor(at / channels) % width;
    if (hold === "upper") return i < height / 2 ? 1 : 0;
    if (hold === "left") return j < width / 2 ? 1 : 0;
    return ink[at] > -0.2 ? 1 : 0;
  });
}

function finish(app, panel) {
  const stage = add(panel, "div", "ebm-stage ebm-two"), side = add(panel, "div", "ebm-side");
  const left = add(stage, "div", ""), right = add(stage, "div", ""), shape = app.shape();
  const board = pad(left, app, () => { run += 1; words.textContent = "Draw, then press Finish it."; });
  const images = tiles(right, ANSWERS, shape, "Answers: nothing yet"), words = add(right, "p", "ebm-readout", { role: "status" });
  images.box.classList.add("ebm-answers");
  describe(side, "finish", app);
  const bar = add(left, "div", "ebm-row");
  let run = 0;
  button(bar, "Finish it", () => { app.put({ again: app.state.again + 1 }); begin(); }, "ebm-main");
  const hold = choice(bar, "Hold", HOLDS, app.state.hold, (value) => { app.put({ hold: value }); begin(); });
  hold.select.value = app.state.hold;

  async function begin() {
    const mine = run += 1, { sampler } = app.config, steps = 2 * app.config.steps, held = heldBy(app.state.hold, app.ink, shape), id = app.id("finish");
    const slow = { ...sampler, settle: sampler.settle && 2 * sampler.settle };
    let state = await app.ask("start", { id, key: app.key, sampler: slow, seed: 1000 + app.state.again, chains: ANSWERS, start: app.ink.slice(), held });
    let from = performance.now();
    for (let step = 0; mine === run; step += 1) {
      if (!calm() || step >= steps) {
        images.draw(state.x, shape, held.map((one, i) => one && app.ink[i] > -0.9));
        images.box.setAttribute("aria-label", `${ANSWERS} answers at step ${step} of ${steps}`);
        words.textContent = step < steps ? `Step ${step} of ${steps}` : `${ANSWERS} answers, of energies ${joules(Math.min(...state.energies))} to ${joules(Math.max(...state.energies))}`;
      }
      if (step >= steps) break;
      state = await app.ask("step", { id, sampler: {} });
      await pause(Math.max(0, 20 - performance.now() + from));
      from = performance.now();
    }
  }
  board.show();
  begin();
  return { leave: () => { run += 1; app.ask("stop", { id: app.id("finish") }); } };
}

// ---- The plane ----

const SIDE = 4, CELLS = 256, WALKERS = 300, BINS = 40;

function plane(app, panel) {
  const stage = add(panel, "div", "ebm-stage"), side = add(panel, "div", "ebm-side"), id = app.id("plane");
  const map = add(stage, "canvas", "ebm-map", { role: "img", width: 640, height: 640 });
  describe(side, "plane", app);
  const bar = add(side, "div", "ebm-row"), chart = add(side, "canvas", "ebm-map", { role: "img", width: 640, height: 260 });
  const words = add(side, "p", "ebm-readout"), below = add(side, "div", "ebm-controls");
  let playing = !calm(), run = 0, grid = null, back = null, exact = null, seen = new Float64Array(BINS), moment = [0, 0], accepted = NaN, state = null;
  const play = button(bar, "", () => { playing = !playing; name(); if (playing) walk(run); }, "ebm-main");
  const name = () => { play.textContent = playing ? "Pause" : "Play"; };
  name();
  button(bar, "20 steps", () => advance(20));
  button(bar, "Start again", () => { app.put({ seed: app.state.seed + 1 }); begin(); });
  choice(bar, "Energy", app.surfaces(), app.state.surface, (value) => { app.put({ surface: value }); begin(); });
  const set = (change) => { app.put(change); forget(); if ("heat" in change) picture(); if (!playing) show(); };
  slider(below, "Step", [-3.5, -0.5, 0.1], app.state.step, (v) => fixed(10 ** v, 4), (v) => set({ step: v }));
  slider(below, "Noise", [0, 2, 0.1], app.state.noise, (v) => `${fixed(v, 1)} \u00d7 matched`, (v) => set({ noise: v }));
  slider(below, "Temperature", [0.2, 3, 0.1], app.state.heat, (v) => fixed(v, 1), (v) => set({ heat: v }));
  slider(below, "Clip slope at", [0.5, 100, 0.5], app.state.clip, (v) => (v < 100 ? fixed(v, 1) : "never"), (v) => set({ clip: v }));
  const sampler = () => {
    const eta = 10 ** app.state.step;
    return { step_size: eta, noise_scale: app.state.noise * Math.sqrt(2 * eta * app.state.heat), grad_clip: app.state.clip < 100 ? app.state.clip : null, bounds: [-SIDE, SIDE], momentum: 0, settle: null };
  };
  const radial = () => app.state.surface === "ring";
  const of = (x, y) => (radial() ? Math.hypot(x, y) : x), bin = (value) => Math.floor((radial() ? value / SIDE : (value + SIDE) / (2 * SIDE)) * BINS);
  const measure = (x, y) => (radial() ? Math.hypot(x, y) : x * x);
  const forget = () => { seen = new Float64Array(BINS); moment = [0, 0]; };

  function picture() { // the density as a picture, and what the chains should come to
    const least = grid.energies.reduce((a, b) => Math.min(a, b)), image = new ImageData(CELLS, CELLS), heat = app.state.heat;
    let total = 0, first = 0;
    exact = new Float64Array(BINS);
    for (let i = 0; i < CELLS * CELLS; i += 1) {
      const share = Math.exp((least - grid.energies[i]) / heat), [x, y] = grid.x.subarray(2 * i, 2 * i + 2), b = bin(of(x, y));
      total += share;
      first += share * measure(x, y);
      if (b >= 0 && b < BINS) exact[b] += share;
      const at = 4 * Math.round(share ** 0.6 * 190);
      image.data.set(TABLE.subarray(at, at + 4), 4 * ((CELLS - 1 - Math.floor(i / CELLS)) * CELLS + i % CELLS));
    }
    exact = { density: exact.map((v) => v / total), mean: first / total };
    back = document.createElement("canvas");
    Object.assign(back, { width: CELLS, height: CELLS });
    back.getContext("2d").putImageData(image, 0, 0);
  }
  function show() {
    const context = map.getContext("2d"), scale = map.width / (2 * SIDE), { x, step } = state;
    context.drawImage(back, 0, 0, map.width, map.height);
    context.fillStyle = "#ff9d3c";
    context.strokeStyle = "rgb(20 20 40 / 70%)";
    for (let b = 0; b < WALKERS; b += 1) {
      context.beginPath();
      context.arc((x[2 * b] + SIDE) * scale, (SIDE - x[2 * b + 1]) * scale, 4.6, 0, 7);
      context.fill();
      context.stroke();
    }
    const bias = moment[0] ? moment[1] / moment[0] - exact.mean : NaN;
    const told = `Step ${step}. Bias of the mean ${radial() ? "radius" : "square of x\u2081"}: ${moment[0] ? fixed(bias, 3) : "unknown"}. MALA would accept ${Number.isNaN(accepted) ? "unknown" : `${Math.round(100 * accepted)}%`} of such steps.`;
    words.textContent = told;
    map.setAttribute("aria-label", `${WALKERS} chains on the density of the ${app.surfaces()[app.state.surface]}. ${told}`);
    bars();
  }
  function bars() {
    const context = chart.getContext("2d"), { width, height } = chart, floor = height - 34, style = getComputedStyle(panel), ink = style.getPropertyValue("--ebm-ink");
    const most = 1.25 * exact.density.reduce((a, b) => Math.max(a, b)), wide = width / BINS, total = seen.reduce((a, b) => a + b, 0) || 1;
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--ebm-bar");
    seen.forEach((n, i) => { const h = Math.min(1, n / total / most) * floor; context.fillRect(i * wide, floor - h, wide - 1.5, h); });
    context.strokeStyle = style.getPropertyValue("--ebm-mark");
    context.lineWidth = 3;
    context.beginPath();
    exact.density.forEach((d, i) => context.lineTo((i + 0.5) * wide, floor - d / most * floor));
    context.stroke();
    context.fillStyle = ink;
    context.font = "500 18px system-ui, sans-serif";
    context.textAlign = "center";
    const low = radial() ? 0 : -SIDE;
    for (let v = low; v <= SIDE; v += radial() ? 1 : 2) context.fillText(String(v).replace("-", "\u2212"), Math.max(12, Math.min(width - 12, (v - low) / (SIDE - low) * width)), height - 12);
    context.textAlign = "left";
    context.fillText(radial() ? "distance from the centre" : "x\u2081", 8, 20);
    chart.setAttribute("aria-label", `Histogram of the chains (bars) and the exact density (line) over ${radial() ? "the distance from the centre" : "x1"}`);
  }
  async function advance(count, mine = run) {
    const next = await app.ask("step", { id, sampler: sampler(), count, temperature: app.state.heat });
    if (mine !== run) return;
    state = next;
    accepted = Number.isNaN(accepted) ? next.accepted : 0.9 * accepted + 0.1 * next.accepted;
    seen.forEach((n, i) => { seen[i] = 0.98 * n; });
    moment = moment.map((m) => 0.98 * m);
    for (let b = 0; b < WALKERS; b += 1) {
      const [x, y] = state.x.subarray(2 * b, 2 * b + 2), at = bin(of(x, y));
      if (at >= 0 && at < BINS) seen[at] += 1;
      moment = [moment[0] + 1, moment[1] + measure(x, y)];
    }
    show();
  }
  async function walk(mine) {
    while (playing && mine === run) {
      await advance(4, mine);
      await new Promise(requestAnimationFrame);
      await pause(20);
    }
  }
  async function begin() {
    const mine = run += 1, x = new Float32Array(2 * CELLS * CELLS).map((_, i) => {
      const cell = i >> 1, along = i % 2 ? Math.floor(cell / CELLS) : cell % CELLS;
      return ((along + 0.5) / CELLS * 2 - 1) * SIDE;
    });
    const { energies } = await app.ask("look", { key: app.state.surface, x });
    const first = await app.ask("start", { id, key: app.state.surface, sampler: sampler(), seed: app.state.seed, chains: WALKERS });
    if (mine !== run) return;
    grid = { x, energies };
    state = first;
    accepted = NaN;
    forget();
    picture();
    show();
    if (playing) walk(mine); else advance(1, mine);
  }
  begin();
  return { leave: () => { run += 1; app.ask("stop", { id }); } };
}

// ---- the page ----

// options: sources {key: {name, bytes: () => a promise of an ArrayBuffer}}, links (page) => address, hash: whether the address holds the state,
// only: one panel without the others, drawn (ink, shape) => what a notebook does with a drawing.
function playground(root, options) {
  root.classList.add("ebm-play");
  const engine = connect(options.threads), { sources } = options, draw_ = { dream, draw, finish, plane };
  const configs = {}, surfaces = { ...SURFACE_NAMES };
  let leave = () => {}, turn = 0;
  const app = {
    state: readState(options.hash ? location.hash : ""), links: options.links, ink: null, still: options.still,
    ask: engine.ask, alone: engine.alone, surfaces: () => surfaces, id: (name) => name, config: null, key: "",
    shape: () => (app.config.shape.length === 3 ? app.config.shape : [32, 32, 1]),
    drew: () => options.drawn?.(app.ink, app.shape()),
    put(change) { Object.assign(app.state, change); write(); },
    remember() { app.put({ ink: inkText(app.ink) }); },
  };
  const write = () => {
    if (!options.hash) return;
    try { history.replaceState(null, "", writeState(app.state)); } catch { location.hash = writeState(app.state); }
  };
  const bar = add(root, "div", "ebm-top"), tabs = add(bar, "div", "ebm-tabs", { role: "tablist", "aria-label": "What to do" });
  const tools = add(bar, "div", "ebm-row ebm-tools"), panel = add(root, "div", "ebm-panel", { role: "tabpanel", id: "ebm-panel", tabindex: -1 }), alert = add(root, "p", "ebm-alert", { role: "alert" });
  const names = Object.keys(PANELS).filter((name) => !options.only || name === options.only);
  if (options.only) for (const name of ["role", "id"]) panel.removeAttribute(name);
  const buttons = names.map((name) => {
    const tab = button(tabs, PANELS[name][0], () => open(name));
    for (const [key, value] of Object.entries({ role: "tab", id: `ebm-tab-${name}`, "aria-controls": "ebm-panel" })) tab.setAttribute(key, value);
    return tab;
  });
  bar.hidden = Boolean(options.only);
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const next = (names.indexOf(app.state.view) + by + names.length) % names.length;
    buttons[next].focus();
    open(names[next]);
  });
  const energyChoice = choice(tools, "Energy", {}, "", (value) => { app.put({ energy: value, at: "" }); open(app.state.view); });
  const listed = () => { energyChoice.fill(Object.fromEntries(Object.entries(sources).map(([key, { name }]) => [key, name]))); energyChoice.select.value = app.key; };
  const file = add(tools, "input", "", { type: "file", accept: ".bin", "aria-label": "Open a file of ebm_nb export", hidden: "" });
  button(tools, "Open a file\u2026", () => file.click());
  file.addEventListener("change", () => { if (file.files[0]) take(file.files[0]); file.value = ""; });
  if (options.hash) button(tools, "Copy link", share);
  let told = 0;
  const say = (text) => { alert.textContent = text; clearTimeout(told); told = setTimeout(() => { alert.textContent = ""; }, 12000); };

  async function share() {
    write();
    try { await navigator.clipboard.writeText(location.href); say("The link is copied: whoever opens it sees this picture."); } catch { say("The address of this page holds the picture: copy it from the address bar."); }
  }
  async function take(given) {
    const key = `own${Object.keys(sources).length + Object.keys(surfaces).length}`;
    try {
      const config = await engine.ask("load", { key, bytes: await given.arrayBuffer() });
      configs[key] = config;
      const name = config.name || given.name;
      if (config.shape.length === 3) { sources[key] = { name }; app.put({ energy: key, at: "" }); await open(app.state.view === "plane" ? "dream" : app.state.view); } else if (config.shape[0] === 2) { surfaces[key] = name; app.put({ surface: key }); await open("plane"); } else throw new Error(`This energy judges ${config.shape[0]} numbers; the page shows pictures and points of two numbers.`);
      say(`${name} is open.`);
    } catch (error) { say(error.message); }
  }
  for (const name of ["dragenter", "dragover"]) root.addEventListener(name, (event) => { event.preventDefault(); root.classList.add("dropping"); });
  root.addEventListener("dragleave", (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove("dropping"); });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("dropping");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });

  async function ready(key) { // the configuration of an energy, which is fetched when it is first wanted
    configs[key] ??= engine.ask("load", { key, bytes: await sources[key].bytes() });
    return configs[key];
  }
  async function open(view) {
    const mine = turn += 1;
    if (!(app.state.energy in sources)) app.state.energy = "";
    if (!(app.state.surface in surfaces)) app.state.surface = USUAL.surface;
    const key = app.state.energy || Object.keys(sources)[0] || "";
    app.put({ view });
    buttons.forEach((tab, i) => { tab.setAttribute("aria-selected", String(names[i] === view)); tab.tabIndex = names[i] === view ? 0 : -1; });
    if (!options.only) panel.setAttribute("aria-labelledby", `ebm-tab-${view}`);
    if (view === "dream" && !panel.children.length) {
      panel.className = "ebm-panel ebm-dream";
      noisy(add(panel, "div", "ebm-stage"));
    }
    let config;
    try { config = key ? await ready(key) : { shape: [2], sampler: {}, steps: 60 }; } catch (error) { delete configs[key]; say(error.message); return; }
    if (mine !== turn) return;
    leave();
    panel.replaceChildren();
    panel.className = `ebm-panel ebm-${view}`;
    const size = app.ink?.length, [height, width, channels] = (Object.assign(app, { config, key }), app.shape());
    if (size !== height * width * channels || app.state.ink !== inkText(app.ink)) {
      app.ink = app.state.ink ? inkOf(app.state.ink, height * width * channels) : example(app.shape());
    }
    listed();
    ({ leave } = draw_[view](app, panel));
    root.dataset.ready = view;
  }
  const moved = () => {
    if (location.hash === writeState(app.state)) return;
    Object.assign(app.state, readState(location.hash));
    open(app.state.view);
  };
  if (options.hash) addEventListener("hashchange", moved);
  open(options.only ?? app.state.view);
  return { app, open, take, sources, engine: makeEngine, close: () => { leave(); turn += 1; engine.close(); removeEventListener("hashchange", moved); } };
}

function noisy(parent) { // what can be seen before the weights are there
  const shape = [32, 32, 1], noise = Float32Array.from({ length: CHAINS * 1024 }, () => 2 * Math.random() - 1);
  tiles(parent, CHAINS, shape, `${CHAINS} pictures of noise`).draw(noise, shape);
}

// Noise and a button: nothing is fetched before it is pressed.
function invite(root, options) {
  root.classList.add("ebm-play", "ebm-invited");
  noisy(root);
  const row = add(root, "div", "ebm-row");
  button(row, "Watch the noise become digits", () => {
    root.replaceChildren();
    playground(root, { ...options, only: "dream" });
    root.querySelector(".ebm-panel").focus();
  }, "ebm-main");
  add(row, "a", "", { href: options.more }).textContent = "or draw, finish and play: the whole page";
}

// ---- in a notebook ----

function render({ model, el }) {
  const bytes = () => { const view = model.get("weights"); return Promise.resolve(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)); };
  const root = add(el, "div", "");
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  let timer;
  const drawn = (ink, shape) => {
    clearTimeout(timer);
    timer = setTimeout(() => { model.set("drawn", new DataView(Float32Array.from(ink).buffer)); model.set("sides", shape); model.save_changes(); }, 100);
  };
  const page = playground(root, { sources: model.get("plane") ? {} : { own: { name: model.get("name"), bytes } }, drawn, still: true });
  if (model.get("plane")) bytes().then((held) => page.take(new File([held], model.get("name"))));
  return page.close;
}

export default { render };
