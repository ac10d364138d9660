// The scrubber's view, behind drawing.js. A notebook mounts it through anywidget (`render`), a plain page through `mount`; both draw the same.
const SPEEDS = [0.5, 1, 2, 4];

function floats(view) { // a DataView may start anywhere in its buffer: copy, so that float32 is aligned
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function row(values, index, width) {
  return Array.from(values.subarray(index * width, (index + 1) * width));
}

function readData(model) {
  const { step, chains, digits } = model.get("meta");
  const energy = floats(model.get("energy")), grad = floats(model.get("grad_norm"));
  const text = (index) => {
    const parts = [`step ${step[index]} of ${step.at(-1)}`,
      `mean energy ${mean(row(energy, index, chains)).toFixed(digits.energy)}`];
    if (grad.length) parts.push(`mean gradient norm ${mean(row(grad, index, chains)).toFixed(digits.grad_norm)}`);
    return parts.join(", ");
  };
  const chainText = (index, chain) => `chain ${chain}: energy ${energy[index * chains + chain].toFixed(digits.energy)}`;
  return { ...model.get("meta"), energy, last: step.length - 1, text, chainText };
}

function drawImages(root, data, sheet, pick) {
  const box = add(root, "div", "ebm-images", { role: "img" });
  box.style.setProperty("--chains", data.chains);
  const canvases = Array.from({ length: data.chains }, (_, chain) => {
    const canvas = add(box, "canvas", "", { width: data.width, height: data.height });
    for (const event of ["pointerenter", "pointerdown"]) canvas.addEventListener(event, () => pick(chain));
    return canvas.getContext("2d");
  });
  return (index, chain) => {
    canvases.forEach((context, b) => {
      const cell = index * data.chains + b;
      const x = (cell % data.across) * data.width, y = Math.floor(cell / data.across) * data.height;
      context.drawImage(sheet, x, y, data.width, data.height, 0, 0, data.width, data.height);
      context.canvas.classList.toggle("on", b === chain);
    });
    box.setAttribute("aria-label", `${data.chains} images at ${data.text(index)}; ${data.chainText(index, chain)}`);
  };
}

function drawCurves(root, data, seek) {
  const after = data.step.findIndex((step) => step >= data.step.at(-1) / 10);
  const [low, high] = range(data.energy), close = range(data.energy.subarray(after * data.chains));
  const curves = [drawCurve(root, data, seek, [low, high], "ebm-curve", "energy of each chain")];
  if (close[1] - close[0] < (high - low) / 3) {
    curves.push(drawCurve(root, data, seek, close, "ebm-close", `the same, enlarged to show step ${data.step[after]} to the end`));
  }
  add(root, "div", "ebm-label ebm-end").textContent = `Langevin step${data.spacing === "log" ? " (log spacing)" : ""}`;
  return (index, chain) => curves.forEach((draw) => draw(index, chain));
}

// ipywidgets' buttons and slider have no accessible names; they stand beside the view, in the same box.
function nameControls(root, data) {
  const box = root.closest(".ebm-scrubber-box");
  const names = ["Play or pause", "Back to the start", "Loop"];
  box?.querySelectorAll(".widget-play button").forEach((button, i) => {
    button.setAttribute("aria-label", names[i]);
    button.title = names[i];
  });
  const handle = box?.querySelector(".noUi-handle");
  handle?.setAttribute("aria-label", "Langevin step");
  return (index) => handle?.setAttribute("aria-valuetext", data.text(index));
}

async function render({ model, el }) {
  const data = readData(model), sheet = new Image();
  const source = URL.createObjectURL(new Blob([model.get("sheet")], { type: "image/webp" }));
  sheet.src = source;
  await sheet.decode().finally(() => URL.revokeObjectURL(source));
  const root = add(el, "div", "ebm-view");
  const put = (name, value) => { model.set(name, value); model.save_changes(); };
  const seek = (index) => put("index", clamp(index, data.last));
  const move = (by) => seek(model.get("index") + by);
  const pick = (chain) => put("chain", (chain + data.chains) % data.chains);
  const page = Math.max(1, Math.round(data.step.length / 10));
  const drawers = [drawImages(root, data, sheet, pick)];
  const words = add(root, "div", "ebm-readout");
  if (model.controls) model.controls(root, data, seek, put);
  drawers.push(drawCurves(root, data, seek), (index, chain) => {
    words.textContent = `${data.text(index)}; ${data.chainText(index, chain)}`;
  });
  keys(root, {
    ArrowLeft: () => move(-1), ArrowRight: () => move(1), PageDown: () => move(-page), PageUp: () => move(page),
    Home: () => seek(0), End: () => seek(data.last), " ": () => put("playing", !model.get("playing")),
    ArrowUp: () => pick(model.get("chain") - 1), ArrowDown: () => pick(model.get("chain") + 1),
  });
  let named = () => {};
  const update = () => [...drawers, named].forEach((draw) => draw(model.get("index"), model.get("chain")));
  const pace = () => put("interval", Math.round(model.get("meta").interval / SPEEDS[model.get("speed")]));
  const timer = setTimeout(() => { named = nameControls(root, data); update(); }, 500); // once the box stands in the page
  model.on("change:index", update);
  model.on("change:chain", update);
  model.on("change:speed", pace);
  update();
  return () => {
    clearTimeout(timer);
    model.off("change:index", update);
    model.off("change:chain", update);
    model.off("change:speed", pace);
  };
}

// What anywidget and ipywidgets give in a notebook, for a page without a kernel: a model, and a bar of controls.
function plainModel(values) {
  const listeners = {};
  return {
    get: (name) => values[name],
    set: (name, value) => {
      if (values[name] === value) return;
      values[name] = value;
      (listeners[`change:${name}`] ?? []).forEach((call) => call());
    },
    save_changes: () => {},
    on: (event, call) => (listeners[event] ??= []).push(call),
    off: () => {},
    controls(root, data, seek, put) { plainControls(this, root, data, seek, put); },
  };
}

function plainControls(model, root, data, seek, put) {
  const bar = add(root, "div", "ebm-bar");
  const play = add(bar, "button", "", { type: "button" });
  const start = add(bar, "button", "", { type: "button" });
  const loop = add(bar, "button", "", { type: "button", "aria-pressed": "false" });
  const slider = add(bar, "input", "", { type: "range", min: 0, max: data.last, "aria-label": "Langevin step" });
  const speed = add(bar, "select", "", { "aria-label": "Speed" });
  SPEEDS.forEach((factor, i) => { add(speed, "option", "", { value: i }).textContent = `${factor} x`; });
  speed.value = model.get("speed");
  start.textContent = "Start";
  start.setAttribute("aria-label", "Back to the start");
  loop.textContent = "Loop";
  let timer;
  const tick = () => {
    const next = model.get("index") + 1, loops = loop.getAttribute("aria-pressed") === "true";
    if (next > data.last && !loops) return put("playing", false);
    seek(next > data.last ? 0 : next);
    timer = setTimeout(tick, model.get("interval"));
  };
  const playing = () => {
    clearTimeout(timer);
    play.textContent = model.get("playing") ? "Pause" : "Play";
    if (!model.get("playing")) return;
    if (model.get("index") === data.last) seek(0);
    timer = setTimeout(tick, model.get("interval"));
  };
  const moved = () => { slider.value = model.get("index"); slider.setAttribute("aria-valuetext", data.text(model.get("index"))); };
  play.addEventListener("click", () => put("playing", !model.get("playing")));
  start.addEventListener("click", () => { put("playing", false); seek(0); });
  loop.addEventListener("click", () => loop.setAttribute("aria-pressed", String(loop.getAttribute("aria-pressed") !== "true")));
  slider.addEventListener("input", () => seek(Number(slider.value)));
  speed.addEventListener("change", () => put("speed", Number(speed.value)));
  model.on("change:playing", playing);
  model.on("change:index", moved);
  playing();
  moved();
}

function mount(figure) {
  const values = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  for (const name of ["sheet", "energy", "grad_norm"]) {
    values[name] = new DataView(Uint8Array.from(atob(values[name]), (c) => c.charCodeAt(0)).buffer);
  }
  const el = document.createElement("div"), poster = figure.querySelector("img");
  render({ model: plainModel(values), el }).then(() => poster.replaceWith(el)); // a failure leaves the poster
}

export default { render };
