// What the scrubber and the playground draw with: elements, scales and the curves of energies.
const SVG = "http://www.w3.org/2000/svg";

function add(parent, tag, className, attributes = {}) {
  const svg = ["svg", "path", "line"].includes(tag);
  const node = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (className) node.setAttribute("class", className);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const clamp = (value, high) => Math.max(0, Math.min(high, value));

function ticks(low, high) {
  const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
  const size = power * [1, 2, 5, 10].find((m) => m * power >= raw);
  const first = Math.ceil(low / size), count = Math.floor(high / size) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * size).toPrecision(6)));
}

function range(values) {
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  return high > low ? [low, high] : [low - 1, high + 1];
}

// Energies of chains (steps, chains) as lines, with a cursor at a step that can be dragged. `fill` draws other energies in the same place.
function drawCurve(root, data, seek, bounds, name, label) {
  let low, high, energy;
  const height = (e) => 100 * (high - e) / (high - low);
  add(root, "div", "ebm-label").textContent = label;
  const frame = add(root, "div", `ebm-plot ${name}`, name === "ebm-curve" ? {
    role: "slider", tabindex: 0, "aria-label": "Langevin step", "aria-valuemin": 0, "aria-valuemax": data.last,
  } : { "aria-hidden": "true" });
  const svg = add(frame, "svg", "", { viewBox: `0 0 ${data.last} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const index = Math.round(part * data.last);
    add(frame, "span", "x", { style: `left:${100 * index / data.last}%` }).textContent = data.step[index];
  }
  const lines = Array.from({ length: data.chains }, () => add(svg, "path", "chain"));
  const cursor = add(frame, "div", "cursor"), dot = add(frame, "div", "dot");
  const fill = (values, limits) => {
    [low, high] = limits;
    energy = values;
    frame.querySelectorAll(".grid, .y").forEach((old) => old.remove());
    for (const t of ticks(low, high)) {
      svg.prepend(add(svg, "line", "grid", { x1: 0, x2: data.last, y1: height(t), y2: height(t) }));
      add(frame, "span", "y", { style: `top:${height(t)}%` }).textContent = t;
    }
    lines.forEach((line, b) => line.setAttribute("d", "M" + Array.from({ length: energy.length / data.chains },
      (_, i) => `${i},${height(energy[i * data.chains + b]).toFixed(2)}`).join("L")));
  };
  fill(data.energy, bounds);
  const at = (event) => {
    const area = frame.getBoundingClientRect();
    seek(Math.round(data.last * (event.clientX - area.left) / area.width));
  };
  frame.addEventListener("pointerdown", (event) => { frame.setPointerCapture(event.pointerId); at(event); });
  frame.addEventListener("pointermove", (event) => { if (event.buttons & 1) at(event); });
  const draw = (index, chain) => {
    lines.forEach((line, b) => line.classList.toggle("on", b === chain));
    svg.append(lines[chain]); // drawn last, so on top
    cursor.style.left = dot.style.left = `${100 * index / data.last}%`;
    const top = height(energy[index * data.chains + chain]);
    dot.style.top = `${top}%`;
    dot.hidden = !(top >= 0 && top <= 100);
    if (name !== "ebm-curve") return;
    frame.setAttribute("aria-valuenow", index);
    frame.setAttribute("aria-valuetext", data.text(index));
  };
  return Object.assign(draw, { fill });
}

function keys(root, act) {
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab leaves the keys to us
  root.addEventListener("keydown", (event) => {
    const control = event.target.closest("button, select");
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in act) || control) return;
    event.preventDefault();
    event.stopPropagation();
    act[event.key]();
  });
}
