const SAFE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000", "#999999", "#882255"];
const scheme = JSON.parse(document.getElementById("scheme").textContent);
const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
const swipe = document.getElementById("swipe"), line = document.getElementById("line");
// on paper, and without this script, image and map stand side by side
const printed = document.getElementById("printed-map"), plain = printed.src;
const beside = document.getElementById("printed-image");
const state = { scale: 1, whole: 1, x: 0, y: 0, alone: null, safe: false };
let image = null, values = null, painted = null;

function load(source) {
  return new Promise((done, failed) => {
    const picture = new Image();
    picture.onload = () => done(picture);
    picture.onerror = () => failed(new Error("a picture of the page cannot be read"));
    picture.src = source;
  });
}

// the class values in a PNG of the page: a canvas could give back other colours than those drawn
async function unpack(source) {
  const bytes = Uint8Array.from(atob(source.split(",")[1]), (letter) => letter.charCodeAt(0));
  const numbers = new DataView(bytes.buffer), parts = [];
  const width = numbers.getUint32(16), height = numbers.getUint32(20);
  for (let at = 8; at < bytes.length;) {
    const length = numbers.getUint32(at), kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer()), data = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = row * (width + 1);
    if (rows[start] !== 0) throw new Error("the map of the page cannot be read");
    data.set(rows.subarray(start + 1, start + 1 + width), row * width);
  }
  return { width, height, data };
}

function colour(index) {
  return state.safe ? SAFE[index % SAFE.length] : scheme[index].color;
}

// the map in colours: what is not of the chosen class is pale
function paint() {
  const table = new Uint8ClampedArray(256 * 4);
  scheme.forEach((c, index) => {
    const hex = colour(index), pale = state.alone !== null && state.alone !== c.value;
    for (let n = 0; n < 3; n++) {
      const full = parseInt(hex.slice(1 + 2 * n, 3 + 2 * n), 16);
      table[c.value * 4 + n] = pale ? 225 + full * 0.1 : full;
    }
    table[c.value * 4 + 3] = 255;
  });
  const out = new ImageData(values.width, values.height);
  for (let n = 0; n < values.data.length; n++) {
    const entry = values.data[n] * 4;
    for (let k = 0; k < 4; k++) out.data[n * 4 + k] = table[entry + k];
  }
  painted.getContext("2d").putImageData(out, 0, 0);
  // now, for a browser that is printing waits for no picture
  printed.src = state.safe || state.alone !== null ? painted.toDataURL() : plain;
  scheme.forEach((c, index) => document.documentElement.style.setProperty("--class-" + c.value, colour(index)));
}

function fit() {
  const box = canvas.getBoundingClientRect();
  state.scale = state.whole = Math.min(box.width / values.width, box.height / values.height);
  state.x = (box.width - values.width * state.scale) / 2;
  state.y = (box.height - values.height * state.scale) / 2;
}

function draw() {
  const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, box.width, box.height);
  const at = image ? box.width * swipe.value / 1000 : 0;
  const place = [state.x, state.y, values.width * state.scale, values.height * state.scale];
  if (image) pen.drawImage(image, ...place);
  pen.save();
  pen.beginPath();
  pen.rect(at, 0, box.width - at, box.height);
  pen.clip();
  pen.clearRect(at, 0, box.width - at, box.height);
  pen.imageSmoothingEnabled = state.scale < 1;
  pen.drawImage(painted, ...place);
  pen.restore();
  if (line) line.style.left = at + "px";
  // with the whole map in view a finger scrolls the page; a part of it, it moves
  canvas.style.touchAction = state.scale > state.whole * 1.01 ? "none" : "pan-y";
}

function zoom(factor, x, y) {
  const box = canvas.getBoundingClientRect();
  x = x ?? box.width / 2;
  y = y ?? box.height / 2;
  const least = Math.min(box.width / values.width, box.height / values.height) / 2;
  const scale = Math.min(Math.max(state.scale * factor, least), 40);
  state.x = x - (x - state.x) * scale / state.scale;
  state.y = y - (y - state.y) * scale / state.scale;
  state.scale = scale;
  draw();
}

// never further than that a part of the map stays in view
function move(x, y) {
  const box = canvas.getBoundingClientRect(), rest = 60;
  state.x = Math.min(Math.max(state.x + x, rest - values.width * state.scale), box.width - rest);
  state.y = Math.min(Math.max(state.y + y, rest - values.height * state.scale), box.height - rest);
  draw();
}

function listen() {
  const fingers = new Map();
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId), now = place(event);
    if (!before) return;
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, now);
    if (!other) return move(now.x - before.x, now.y - before.y);
    const [far, was] = [now, before].map((p) => Math.hypot(p.x - other[1].x, p.y - other[1].y));
    zoom(far / Math.max(was, 1), (now.x + other[1].x) / 2, (now.y + other[1].y) / 2);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => {
    // a page that is scrolled through must not stop here
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    const at = place(event);
    zoom(Math.exp(-event.deltaY / 400), at.x, at.y);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key in steps) move(...steps[event.key]);
    else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else return;
    event.preventDefault();
  });
  document.getElementById("in").onclick = () => zoom(1.6);
  document.getElementById("out").onclick = () => zoom(1 / 1.6);
  document.getElementById("whole").onclick = () => { fit(); draw(); };
  if (swipe) {
    swipe.oninput = draw;
    line.addEventListener("pointerdown", (event) => line.setPointerCapture(event.pointerId));
    line.addEventListener("pointermove", (event) => {
      if (!line.hasPointerCapture(event.pointerId)) return;
      swipe.value = 1000 * place(event).x / canvas.getBoundingClientRect().width;
      draw();
    });
  }
  document.querySelectorAll(".legend button").forEach((button) => {
    button.onclick = () => {
      const value = Number(button.dataset.value);
      state.alone = state.alone === value ? null : value;
      document.querySelectorAll(".legend button").forEach((b) => {
        b.setAttribute("aria-pressed", String(Number(b.dataset.value) === state.alone));
      });
      paint();
      draw();
    };
  });
  const safe = document.getElementById("safe");
  safe.hidden = scheme.length > SAFE.length;
  safe.onclick = () => {
    state.safe = !state.safe;
    safe.setAttribute("aria-pressed", String(state.safe));
    paint();
    draw();
  };
  new ResizeObserver(() => { fit(); draw(); }).observe(canvas);
}

async function start() {
  values = await unpack(plain);
  image = beside ? await load(beside.src) : null;
  painted = document.createElement("canvas");
  painted.width = values.width;
  painted.height = values.height;
  paint();
  fit();
  draw();
  listen();
  document.body.dataset.ready = "yes";
}

start();
