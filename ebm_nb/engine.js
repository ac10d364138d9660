// An energy, its gradient in x and Langevin dynamics in plain JavaScript; chapter 84 tells how it is made and tested.
// All stands in one function, so that its own text can become a Web Worker, also in a page without a server.
export function makeEngine() {
  const MAGIC = "EBM-NB1\n", PORTION = 4; // images that are convolved at once: their patches stay in the cache

  // ---- the file that `ebm_nb export` writes: magic, length of the JSON, the JSON, the weights ----

  function readFile(buffer) {
    const bytes = new Uint8Array(buffer), refuse = (why) => new Error(`This file is no energy of ebm_nb (${why}): write one with "ebm_nb export --out energy.bin".`);
    if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 8)) !== MAGIC) throw refuse("it begins otherwise");
    const length = new DataView(buffer).getUint32(8, true);
    let config;
    try { config = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length))); } catch { throw refuse("its description can't be read"); }
    const held = buffer.slice(12 + length), half = config.dtype === "float16", size = half ? 2 : 4;
    const needed = shapes(config.layers).reduce((sum, shape) => sum + product(shape), 0);
    if (held.byteLength !== needed * size) throw refuse(`it should hold ${needed} numbers of ${size} bytes, and holds ${held.byteLength} bytes`);
    if (sha256(new Uint8Array(held)) !== config.sha256) throw refuse("it is damaged: its hash is another");
    return { config, energy: network(config, half ? halves(new Uint16Array(held)) : new Float32Array(held)) };
  }

  const product = (shape) => shape.reduce((a, b) => a * b, 1);
  const shapes = (layers) => layers.flatMap((one) => one.kind === "conv"
    ? [[one.size, one.size, one.inputs, one.units], [one.units]] : [[one.inputs, one.units], [one.units]]);

  function halves(bits) { // half precision: a sign, 5 bits of the exponent, 10 of the fraction
    return Float64Array.from(bits, (b) => {
      const sign = b >> 15 ? -1 : 1, power = (b >> 10) & 31, part = (b & 1023) / 1024;
      return sign * (power ? (1 + part) * 2 ** (power - 15) : part * 2 ** -14);
    });
  }

  function sha256(bytes) { // FIPS 180-4; the browser's own is missing from pages without https
    const primes = [], roots = (power) => primes.map((p) => (p ** power % 1) * 2 ** 32 | 0);
    for (let n = 2; primes.length < 64; n += 1) if (primes.every((p) => n % p)) primes.push(n);
    const k = roots(1 / 3), state = new Int32Array(roots(1 / 2).slice(0, 8)), w = new Int32Array(64);
    const padded = new Uint8Array((bytes.length + 72) >> 6 << 6), view = new DataView(padded.buffer);
    padded.set(bytes);
    padded[bytes.length] = 128;
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
    view.setUint32(padded.length - 4, bytes.length << 3);
    const turn = (x, n) => x >>> n | x << 32 - n;
    for (let at = 0; at < padded.length; at += 64) {
      for (let i = 0; i < 64; i += 1) {
        if (i < 16) { w[i] = view.getInt32(at + 4 * i); continue; }
        const a = w[i - 15], b = w[i - 2];
        w[i] = (turn(a, 7) ^ turn(a, 18) ^ a >>> 3) + (turn(b, 17) ^ turn(b, 19) ^ b >>> 10) + w[i - 16] + w[i - 7];
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i += 1) {
        const first = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + k[i] + w[i] | 0;
        const second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, d + first | 0, c, b, a, first + second | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { state[i] += value; });
    }
    return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  // ---- the network ----

  function multiply(a, b, c, rows, inner, columns) { // c (rows, columns) = a (rows, inner) b (inner, columns), in blocks of 4 x 2 that stay in registers
    let i = 0;
    for (; i + 4 <= rows; i += 4) {
      const a0 = i * inner, a1 = a0 + inner, a2 = a1 + inner, a3 = a2 + inner, o = i * columns;
      let j = 0;
      for (; j + 2 <= columns; j += 2) {
        let p = 0, q = 0, r = 0, s = 0, t = 0, u = 0, v = 0, w = 0;
        for (let k = 0, n = j; k < inner; k += 1, n += columns) {
          const x = b[n], y = b[n + 1], e = a[a0 + k], f = a[a1 + k], g = a[a2 + k], h = a[a3 + k];
          p += e * x; q += e * y; r += f * x; s += f * y; t += g * x; u += g * y; v += h * x; w += h * y;
        }
        let n = o + j;
        c[n] = p; c[n + 1] = q; n += columns;
        c[n] = r; c[n + 1] = s; n += columns;
        c[n] = t; c[n + 1] = u; n += columns;
        c[n] = v; c[n + 1] = w;
      }
      for (; j < columns; j += 1) for (let m = i; m < i + 4; m += 1) c[m * columns + j] = dot(a, b, m * inner, j, inner, columns);
    }
    for (; i < rows; i += 1) {
      let j = 0;
      for (; j + 4 <= columns; j += 4) {
        let p = 0, q = 0, r = 0, s = 0;
        for (let k = 0, n = j, m = i * inner; k < inner; k += 1, n += columns) {
          const x = a[m + k];
          p += x * b[n]; q += x * b[n + 1]; r += x * b[n + 2]; s += x * b[n + 3];
        }
        const n = i * columns + j;
        c[n] = p; c[n + 1] = q; c[n + 2] = r; c[n + 3] = s;
      }
      for (; j < columns; j += 1) c[i * columns + j] = dot(a, b, i * inner, j, inner, columns);
    }
  }

  function dot(a, b, m, n, inner, columns) {
    let sum = 0;
    for (let k = 0; k < inner; k += 1, n += columns) sum += a[m + k] * b[n];
    return sum;
  }

  function transposed(a, rows, columns) {
    const out = new Float64Array(a.length);
    for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) out[j * rows + i] = a[i * columns + j];
    return out;
  }

  // A layer holds its buffers for a portion: `out` (rows, units), `slope` of the swish, and `back`, the gradient in its input.
  function dense(one, kernel, bias, swish) {
    const { inputs, units } = one, turned = transposed(kernel, inputs, units);
    const out = new Float64Array(PORTION * units), slope = new Float64Array(PORTION * units), back = new Float64Array(PORTION * inputs);
    return {
      out,
      back,
      forward(x, n) { multiply(x, kernel, out, n, inputs, units); activate(out, slope, bias, n * units, units, swish); },
      backward(grad, n) { scale(grad, slope, n * units, swish); multiply(grad, turned, back, n, units, inputs); },
    };
  }

  function activate(out, slope, bias, size, units, swish) {
    for (let i = 0, unit = 0; i < size; i += 1) {
      const z = out[i] + bias[unit];
      if (++unit === units) unit = 0;
      if (!swish) { out[i] = z; continue; }
      const s = 1 / (1 + Math.exp(-z));
      out[i] = z * s;
      slope[i] = s + z * s * (1 - s);
    }
  }

  function scale(grad, slope, size, swish) {
    if (swish) for (let i = 0; i < size; i += 1) grad[i] *= slope[i];
  }

  // A convolution is a multiplication of patches: (positions, size * size * inputs). Padding as Keras' "same".
  function conv(one, [height, width], kernel, bias) {
    const { size, stride, inputs, units, residual } = one, inner = size * size * inputs;
    const high = Math.ceil(height / stride), wide = Math.ceil(width / stride), places = high * wide;
    const before = (sides, outs) => Math.max((outs - 1) * stride + size - sides, 0) >> 1;
    const top = before(height, high), left = before(width, wide), turned = transposed(kernel, inner, units);
    const patches = new Float64Array(PORTION * places * inner), pixels = height * width * inputs;
    const out = new Float64Array(PORTION * places * units), slope = new Float64Array(out.length);
    const back = new Float64Array(PORTION * pixels), inside = residual ? new Float64Array(out.length) : null;
    const runs = spans(high, wide, height, width, { size, stride, inputs, top, left });

    function forward(x, n) {
      for (let b = 0; b < n; b += 1) copyRuns(x, patches, runs, b * pixels, b * places * inner);
      multiply(patches, kernel, out, n * places, inner, units);
      activate(out, slope, bias, n * places * units, units, true);
      if (residual) for (let i = 0; i < n * pixels; i += 1) out[i] += x[i];
    }

    function backward(grad, n) {
      if (residual) inside.set(grad.subarray(0, n * pixels));
      scale(grad, slope, n * places * units, true);
      multiply(grad, turned, patches, n * places, units, inner);
      back.fill(0, 0, n * pixels);
      for (let b = 0; b < n; b += 1) addRuns(patches, back, runs, b * places * inner, b * pixels);
      if (residual) for (let i = 0; i < n * pixels; i += 1) back[i] += inside[i];
      patches.fill(0); // what lies outside the image
    }
    return { out, back, forward, backward };
  }

  // Which numbers of an image lie beside one another in a patch: (from, to, length), three numbers a run.
  function spans(high, wide, height, width, { size, stride, inputs, top, left }) {
    const found = [];
    for (let i = 0; i < high; i += 1) for (let j = 0; j < wide; j += 1) for (let r = 0; r < size; r += 1) {
      const row = i * stride - top + r, first = j * stride - left;
      const skipped = Math.max(0, -first), last = Math.min(size, width - first);
      if (row < 0 || row >= height || last <= skipped) continue;
      found.push((row * width + first + skipped) * inputs, (((i * wide + j) * size + r) * size + skipped) * inputs, (last - skipped) * inputs);
    }
    return Int32Array.from(found);
  }

  function copyRuns(from, to, runs, here, there) {
    for (let i = 0; i < runs.length; i += 3) {
      const a = runs[i] + here, b = runs[i + 1] + there, n = runs[i + 2];
      for (let k = 0; k < n; k += 1) to[b + k] = from[a + k];
    }
  }

  function addRuns(from, to, runs, here, there) {
    for (let i = 0; i < runs.length; i += 3) {
      const a = runs[i + 1] + here, b = runs[i] + there, n = runs[i + 2];
      for (let k = 0; k < n; k += 1) to[b + k] += from[a + k];
    }
  }

  function network(config, numbers) {
    let at = 0, sides = config.shape.slice(0, 2);
    const take = (n) => Float64Array.from(numbers.subarray(at, at += n));
    const layers = config.layers.map((one, i) => {
      const [kernel, bias] = shapes([one]).map((shape) => take(product(shape)));
      if (one.kind === "dense") return dense(one, kernel, bias, i < config.layers.length - 1);
      const layer = conv(one, sides, kernel, bias);
      sides = sides.map((side) => Math.ceil(side / one.stride));
      return layer;
    });
    const size = product(config.shape), input = new Float64Array(PORTION * size);
    return { size, evaluate: (x, n, energies, grad) => evaluate(layers, input, size, config.layers.at(-1).units, x, n, energies, grad) };
  }

  function evaluate(layers, input, size, classes, x, n, energies, grad) {
    for (let start = 0; start < n; start += PORTION) {
      const now = Math.min(PORTION, n - start);
      input.set(x.subarray(start * size, (start + now) * size));
      layers.reduce((from, layer) => { layer.forward(from, now); return layer.out; }, input);
      let upstream = layers.at(-1).out;
      for (let b = 0; b < now; b += 1) energies[start + b] = finish(upstream, b * classes, classes);
      for (const layer of layers.toReversed()) { layer.backward(upstream, now); upstream = layer.back; }
      grad.set(upstream.subarray(0, now * size), start * size);
    }
  }

  function finish(out, at, classes) { // the energy of one image; its gradient in the outputs takes their place
    if (classes === 1) { const energy = out[at]; out[at] = 1; return energy; }
    const values = out.subarray(at, at + classes), most = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - most), 0);
    values.forEach((value, i) => { values[i] = -Math.exp(value - most) / sum; });
    return -most - Math.log(sum);
  }

  // ---- surfaces of two numbers, as in chapter 01 ----

  const CENTRES = [[-2, -1], [2, -1], [0, 2]];
  const SURFACES = {
    well: (x, y) => [3 * ((x / 1.5) ** 2 - 1) ** 2 + y * y / 2, 12 * ((x / 1.5) ** 2 - 1) * x / 2.25, y],
    mixture(x, y) {
      const parts = CENTRES.map(([a, b]) => ((x - a) ** 2 + (y - b) ** 2) / 0.72), least = Math.min(...parts);
      const weights = parts.map((part) => Math.exp(least - part)), sum = weights.reduce((a, b) => a + b);
      const pull = (axis, value) => CENTRES.reduce((total, centre, k) => total + weights[k] / sum * (value - centre[axis]) / 0.36, 0);
      return [least - Math.log(sum), pull(0, x), pull(1, y)];
    },
    ring(x, y) {
      const r = Math.sqrt(x * x + y * y + 1e-12), slope = (r - 2) / 0.09;
      return [(r - 2) ** 2 / 0.18, slope * x / r, slope * y / r];
    },
  };

  function surface(name) {
    const at = SURFACES[name];
    return {
      size: 2,
      evaluate(x, n, energies, grad) {
        for (let b = 0; b < n; b += 1) [energies[b], grad[2 * b], grad[2 * b + 1]] = at(x[2 * b], x[2 * b + 1]);
      },
    };
  }

  // ---- Langevin dynamics ----

  function generator(seed) { // sfc32 (C. Doty-Humphrey, PractRand) and the method of Box and Muller
    let a = 0, b = 0, c = seed | 0, d = 1, spare = NaN;
    const next = () => {
      const t = (a + b | 0) + d | 0;
      d = d + 1 | 0; a = b ^ b >>> 9; b = c + (c << 3) | 0; c = (c << 21 | c >>> 11) + t | 0;
      return (t >>> 0) / 2 ** 32;
    };
    for (let i = 0; i < 15; i += 1) next();
    const normal = () => {
      if (!Number.isNaN(spare)) { const value = spare; spare = NaN; return value; }
      const radius = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
    return { uniform: next, normal };
  }

  // Chains (n, size) of an energy. `held`: 1 where a number of each chain stays as it was at the start.
  function walk(energy, { sampler, seed = 0, chains = 1, start = null, held = null }) {
    const { size } = energy, draw = generator(seed), [low, high] = sampler.bounds ?? [-1, 1];
    const x = new Float64Array(chains * size), velocity = new Float64Array(x.length), grad = new Float64Array(x.length);
    for (let i = 0; i < x.length; i += 1) {
      const noise = low + (high - low) * draw.uniform();
      x[i] = start && (!held || held[i % size]) ? start[i % start.length] : noise;
    }
    const state = { step: 0, x, grad, energies: new Float64Array(chains), clipped: 0, accepted: NaN };
    energy.evaluate(x, chains, state.energies, grad);
    state.advance = (changes) => { Object.assign(sampler, changes); advance(energy, state, sampler, velocity, draw, held); };
    return state;
  }

  function advance(energy, state, sampler, velocity, draw, held) {
    const { x, grad, energies } = state, { size } = energy, { momentum = 0, grad_clip: clip, bounds, settle } = sampler;
    const root = settle ? Math.min(settle / (state.step + 1), 1) : 1, eta = root * root * sampler.step_size, noise = root * sampler.noise_scale;
    const limit = clip ?? Infinity, low = bounds?.[0] ?? -Infinity, high = bounds?.[1] ?? Infinity;
    let clipped = 0;
    for (let i = 0; i < x.length; i += 1) {
      const xi = noise ? noise * draw.normal() : 0;
      if (held?.[i % size]) continue;
      const slope = Math.max(-limit, Math.min(limit, grad[i]));
      if (slope !== grad[i]) clipped += 1;
      velocity[i] = momentum * velocity[i] - eta * slope;
      x[i] = Math.max(low, Math.min(high, x[i] + velocity[i] + xi));
    }
    energy.evaluate(x, energies.length, energies, grad);
    Object.assign(state, { step: state.step + 1, clipped: clipped / x.length });
  }

  // The mean probability with which MALA would take such a step at the temperature t.
  function acceptance(energy, x, sampler, t, draw) {
    const n = x.length / energy.size, from = { e: new Float64Array(n), g: new Float64Array(x.length) };
    const to = { e: new Float64Array(n), g: new Float64Array(x.length) }, y = new Float64Array(x.length), eta = sampler.step_size;
    energy.evaluate(x, n, from.e, from.g);
    for (let i = 0; i < x.length; i += 1) y[i] = x[i] - eta * from.g[i] + Math.sqrt(2 * eta * t) * draw.normal();
    energy.evaluate(y, n, to.e, to.g);
    let sum = 0;
    for (let b = 0; b < n; b += 1) {
      let log = from.e[b] - to.e[b];
      for (let i = b * energy.size; i < (b + 1) * energy.size; i += 1) {
        log += ((y[i] - x[i] + eta * from.g[i]) ** 2 - (x[i] - y[i] + eta * to.g[i]) ** 2) / (4 * eta);
      }
      sum += Math.min(1, Math.exp(log / t));
    }
    return sum / n;
  }

  // ---- what a page asks for: one message, one answer ----

  const energies = Object.fromEntries(Object.keys(SURFACES).map((name) => [name, surface(name)])), walks = {};
  const tell = ({ step, x, energies: e, clipped }) => ({ step, x: Float32Array.from(x), energies: Float32Array.from(e), clipped });
  const tasks = {
    load({ key, bytes }) {
      const { config, energy } = readFile(bytes);
      energies[key] = energy;
      return config;
    },
    look({ key, x }) {
      const n = x.length / energies[key].size, e = new Float64Array(n), grad = new Float64Array(x.length);
      energies[key].evaluate(Float64Array.from(x), n, e, grad);
      return { energies: Float32Array.from(e), grad: Float32Array.from(grad) };
    },
    start({ id, key, ...settings }) {
      walks[id] = Object.assign(walk(energies[key], settings), { energy: energies[key], draw: generator(settings.seed + 1) });
      return tell(walks[id]);
    },
    step({ id, sampler, count = 1, temperature }) {
      const state = walks[id];
      for (let i = 0; i < count; i += 1) state.advance(sampler);
      const accepted = temperature ? acceptance(state.energy, state.x, sampler, temperature, state.draw) : NaN;
      return { ...tell(state), accepted };
    },
    stop({ id }) { delete walks[id]; },
  };

  function answer({ task, ...rest }) {
    try { return { value: tasks[task](rest) }; } catch (error) { return { error: error.message }; }
  }
  return { readFile, walk, generator, sha256, answer };
}
