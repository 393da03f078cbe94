// The page: what is shown, what the controls do.

import { Live, ServiceError, detect, networks, setToken } from "./api.js";
import { color, drawLayers, drawPeople, joints, openLayers } from "./draw.js";

const $ = (id) => document.getElementById(id);
const SLIDERS = [
  { name: "person_threshold", label: "People from score", low: 0, high: 1, step: 0.01, hint: "People with a lower score are left out." },
  { name: "joint_threshold", label: "Joints from score", low: 0, high: 1, step: 0.01, hint: "Joints with a lower score are missing." },
  { name: "peak_threshold", label: "Peaks from", low: 0.01, high: 0.6, step: 0.01, hint: "The lowest peak of a heatmap that may be a joint." },
  { name: "limb_threshold", label: "Limbs from", low: 0, high: 0.6, step: 0.01, hint: "How well the field must show a limb." },
  { name: "min_joints", label: "Joints at least", low: 1, high: 17, step: 1, hint: "People with fewer joints are left out." },
  { name: "input_height", label: "Looks at height", low: 128, high: 1024, step: 16, unit: " px", hint: "Higher finds smaller people and takes longer." },
];
const LONGEST_SIDE = 4096; // of the picture on the page and as PNG; a phone's browser has no canvas for more
const SHORTEST_SIDE = 1400; // of the longer side on the page: a small picture is enlarged, and its skeletons stay sharp
const LIVE_QUALITY = 0.8; // of a frame's JPEG

const state = { service: null, file: null, picture: null, width: 0, height: 0, skeleton: null, answer: null, people: [], layers: [], live: null, facing: "user" };
let lookup = null; // the request under way
let timer = null;

// --- what is chosen ------------------------------------------------------------------------------------------------

const network = () => state.service?.networks.find((entry) => entry.name === $("model").value);
const shown = () => ({ heatmaps: $("show-heatmaps").checked, pafs: $("show-pafs").checked });
const wantedLayers = () => Object.entries(shown()).filter(([, wanted]) => wanted).map(([name]) => name);

function settings() {
  const chosen = { model: $("model").value };
  const usual = network()?.settings ?? {};
  for (const { name } of SLIDERS) {
    const value = Number($(name).value);
    if (value !== Number(usualValue(usual, name))) chosen[name] = value;
  }
  for (const name of ["flip", "trace"]) if ($(name).checked !== usual[name]) chosen[name] = $(name).checked;
  return chosen;
}

function usualValue(usual, name) {
  const fallback = { person_threshold: 0.05, input_height: 368 };
  const { low, high, step } = SLIDERS.find((slider) => slider.name === name);
  const value = usual[name] ?? fallback[name];
  return (low + Math.round((Math.min(high, Math.max(low, value)) - low) / step) * step).toFixed(step < 1 ? 2 : 0);
}

function buildSliders() {
  const limit = state.service.limits.max_input_height;
  for (const slider of SLIDERS) {
    if (slider.name === "input_height") slider.high = Math.min(slider.high, limit);
    const field = document.createElement("div");
    field.className = "field";
    const label = document.createElement("label");
    label.htmlFor = slider.name;
    label.append(slider.label);
    const output = document.createElement("output");
    output.htmlFor = slider.name;
    output.id = `${slider.name}-value`;
    label.append(output);
    const input = document.createElement("input");
    Object.assign(input, { type: "range", id: slider.name, min: slider.low, max: slider.high, step: slider.step });
    input.setAttribute("aria-describedby", `${slider.name}-hint`);
    input.addEventListener("input", () => { showValue(slider); changed(); });
    const hint = document.createElement("p");
    Object.assign(hint, { className: "hint", id: `${slider.name}-hint`, textContent: slider.hint });
    field.append(label, input, hint);
    $("sliders").append(field);
  }
}

function showValue({ name, step, unit = "" }) {
  const text = Number($(name).value).toFixed(step < 1 ? 2 : 0) + unit;
  $(`${name}-value`).textContent = text;
  $(name).setAttribute("aria-valuetext", text);
}

function resetSettings() {
  const usual = network().settings;
  $("runtime").textContent = `${network().skeleton.joints.length} joints, by ${network().runtime}`;
  $("min_joints").max = network().skeleton.joints.length;
  for (const slider of SLIDERS) {
    $(slider.name).value = usualValue(usual, slider.name);
    showValue(slider);
  }
  for (const name of ["flip", "trace"]) $(name).checked = usual[name];
}

function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (state.live) state.live.configure({ ...settings(), layers: wantedLayers() });
    else if (state.file) look();
  }, 180);
}

// --- a photo -------------------------------------------------------------------------------------------------------

async function openPhoto(file) {
  if (!file) return;
  stopCamera();
  showError(null);
  Object.assign(state, { file, picture: null, answer: null, people: [], layers: [] });
  setDownloads(false);
  try {
    state.picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    setSize(state.picture.width, state.picture.height);
    render();
  } catch {
    state.picture = null; // the service may know formats that this browser does not; it says so if not
  }
  await look();
}

async function look() {
  lookup?.abort();
  const request = (lookup = new AbortController());
  $("busy").hidden = false;
  const started = performance.now();
  try {
    const layers = wantedLayers();
    const answer = await detect(state.file, { ...settings(), layers: layers.join(",") }, request.signal);
    const [row] = answer.rows;
    if (!state.picture) setSize(row.width, row.height);
    const opened = await openLayers(row.layers);
    if (request !== lookup) return;
    Object.assign(state, { skeleton: answer.skeleton, people: row.people, layers: opened });
    delete row.layers;
    row.path ||= state.file.name ?? "";
    state.answer = answer;
    showError(null);
    const seconds = `${Math.round(performance.now() - started)} ms`;
    $("status").textContent = `${row.people.length === 1 ? "1 person" : `${row.people.length} people`} in ${row.width} × ${row.height} pixels, ${seconds}.`;
    setDownloads(true);
    render();
  } catch (error) {
    if (error.name !== "AbortError" && request === lookup) failed(error, look);
  } finally {
    if (request === lookup) $("busy").hidden = true;
  }
}

function setSize(width, height) {
  Object.assign(state, { width, height });
  resize($("canvas"), Math.max(1, SHORTEST_SIDE / Math.max(width, height)));
  $("canvas").hidden = false;
  $("empty").hidden = true;
}

function resize(canvas, wanted) {
  const scale = Math.min(wanted, LONGEST_SIDE / Math.max(state.width, state.height));
  const [width, height] = [state.width, state.height].map((side) => Math.max(1, Math.round(side * scale)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

function render() {
  const canvas = $("canvas");
  paint(canvas);
  const count = state.people.length;
  canvas.setAttribute("aria-label", `Picture with ${count === 1 ? "1 person" : `${count} people`}`);
  listPeople();
}

function paint(canvas) {
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.setTransform(canvas.width / state.width, 0, 0, canvas.height / state.height, 0, 0);
  context.clearRect(0, 0, state.width, state.height);
  if (state.picture) context.drawImage(state.picture, 0, 0, state.width, state.height);
  drawLayers(context, state.layers, shown(), state.width, state.height);
  if ($("show-skeleton").checked && state.skeleton) drawPeople(context, state.people, state.skeleton, state.width, state.height);
}

function listPeople() {
  $("count").textContent = state.people.length;
  const rows = state.people.map((person, index) => {
    const row = document.createElement("tr");
    const name = document.createElement("td");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = color(person.id ?? index);
    name.append(swatch, person.id === undefined ? String(index + 1) : `id ${person.id}`);
    row.append(name);
    for (const text of [person.score.toFixed(2), joints(person).filter(Boolean).length]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  if (!rows.length) {
    const row = document.createElement("tr"), cell = document.createElement("td");
    Object.assign(cell, { colSpan: 3, className: "hint", textContent: state.answer || state.live ? "No people found." : "None yet." });
    row.append(cell);
    rows.push(row);
  }
  $("people").replaceChildren(...rows);
}

// --- the camera ----------------------------------------------------------------------------------------------------

async function startCamera() {
  showError(null);
  if (!navigator.mediaDevices?.getUserMedia) {
    showError("The browser gives a camera only to pages over https or on this computer (localhost).");
    return;
  }
  let stream;
  try {
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, facingMode: state.facing }, audio: false });
  } catch (error) {
    const reasons = { NotAllowedError: "The camera was not allowed.", NotFoundError: "There is no camera.", NotReadableError: "The camera is in use by another program." };
    showError(reasons[error.name] ?? `The camera cannot be used: ${error.message}`);
    return;
  }
  lookup?.abort();
  $("busy").hidden = true;
  const video = document.createElement("video");
  Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  const live = new Live({ ...settings(), layers: wantedLayers() });
  Object.assign(state, { live, stream, file: null, answer: null, people: [], layers: [] });
  $("camera").textContent = "Stop the camera";
  $("camera").setAttribute("aria-pressed", "true");
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  $("flip-camera").hidden = cameras.length < 2;
  try {
    await live.opened;
    await watch(video, live);
  } catch (error) {
    if (state.live === live) {
      stopCamera();
      failed(error, startCamera);
    }
  }
}

async function watch(video, live) {
  const frame = document.createElement("canvas");
  let rate = 0, last = performance.now();
  while (state.live === live) {
    Object.assign(frame, { width: video.videoWidth, height: video.videoHeight });
    frame.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => frame.toBlob(resolve, "image/jpeg", LIVE_QUALITY));
    let answer;
    try {
      answer = await live.look(blob);
    } catch (error) {
      if (error.code === "queue_full" || error.code === "timed_out") {
        await new Promise((resolve) => setTimeout(resolve, 500));
        continue;
      }
      throw error;
    }
    // What is shown is the frame that was looked at, so that skeletons lie where the people are.
    const [layers, picture] = await Promise.all([openLayers(answer.layers), createImageBitmap(frame)]);
    if (state.live !== live) return; // it was stopped meanwhile
    Object.assign(state, { skeleton: live.skeleton, people: answer.people, layers, picture });
    setSize(answer.width, answer.height);
    render();
    const now = performance.now();
    rate += 0.2 * (1000 / (now - last) - rate);
    last = now;
    $("status").textContent = `Camera: ${rate.toFixed(1)} frames a second, ${Math.round(answer.milliseconds)} ms each.`;
    const row = { path: "camera", width: answer.width, height: answer.height, error: null, people: answer.people };
    state.answer = { model: $("model").value, skeleton: live.skeleton, rows: [row] };
    setDownloads(true);
  }
}

function stopCamera() {
  state.live?.close();
  state.stream?.getTracks().forEach((track) => track.stop());
  Object.assign(state, { live: null, stream: null });
  $("camera").textContent = "Use the camera";
  $("camera").setAttribute("aria-pressed", "false");
  $("flip-camera").hidden = true;
}

// --- downloads -----------------------------------------------------------------------------------------------------

function setDownloads(ready) {
  for (const kind of ["png", "json", "csv"]) $(`save-${kind}`).disabled = !ready;
}

function save(blob, suffix) {
  const stem = (state.answer.rows[0].path || "picture").replace(/\.[^.]*$/, "");
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: `${stem}_people.${suffix}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function csv() {
  const lines = ["person,id,person_score,joint,x,y,score"];
  state.people.forEach((person, index) => {
    state.skeleton.joints.forEach((joint, k) => {
      const [x, y, score] = person.keypoints.slice(3 * k, 3 * k + 3);
      const place = score > 0 ? [x, y] : ["", ""];
      lines.push([index, person.id ?? "", person.score, joint, ...place, score].join(","));
    });
  });
  return lines.join("\r\n") + "\r\n";
}

// --- what went wrong -----------------------------------------------------------------------------------------------

function showError(message) {
  $("error").hidden = !message;
  $("error").textContent = message ?? "";
}

function failed(error, again) {
  if (error instanceof ServiceError && (error.code === "no_token" || error.status === 401)) {
    askForToken(again);
    return;
  }
  Object.assign(state, { people: [], layers: [], answer: null });
  if (state.width && state.picture) render();
  else listPeople();
  setDownloads(false);
  $("status").textContent = "";
  const message = error instanceof ServiceError ? error.message : `The page failed: ${error.message}`;
  showError(message.charAt(0).toUpperCase() + message.slice(1));
}

function askForToken(again) {
  $("login").showModal();
  $("login").addEventListener("close", () => {
    if ($("token").value) { setToken($("token").value); $("token").value = ""; again(); }
  }, { once: true });
}

// --- colours -------------------------------------------------------------------------------------------------------

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").textContent = `Colours: ${theme}`;
  $("theme").dataset.theme = theme;
  try { localStorage.setItem("bottomup-theme", theme); } catch { /* then it holds until the page is left */ }
}

// --- start ---------------------------------------------------------------------------------------------------------

async function start() {
  try {
    state.service = await networks();
  } catch (error) {
    failed(error, start);
    return;
  }
  showError(null);
  if (!$("model").options.length) {
    $("model").append(...state.service.networks.map(({ name }) => new Option(name, name)));
    buildSliders();
  }
  resetSettings();
  document.body.dataset.ready = "true";
}

function listen() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { openPhoto($("file").files[0]); $("file").value = ""; });
  $("camera").addEventListener("click", () => (state.live ? (stopCamera(), ($("status").textContent = "The camera is off.")) : startCamera()));
  $("flip-camera").addEventListener("click", () => {
    state.facing = state.facing === "user" ? "environment" : "user";
    stopCamera();
    startCamera();
  });
  $("model").addEventListener("change", () => { resetSettings(); changed(); });
  $("reset").addEventListener("click", () => { resetSettings(); changed(); });
  for (const id of ["flip", "trace"]) $(id).addEventListener("change", changed);
  $("show-skeleton").addEventListener("change", () => state.width && render());
  for (const id of ["show-heatmaps", "show-pafs"]) {
    $(id).addEventListener("change", () => { if (state.width) render(); changed(); });
  }
  $("save-png").addEventListener("click", () => {
    const canvas = document.createElement("canvas"); // of the picture's own size
    resize(canvas, 1);
    paint(canvas);
    canvas.toBlob((blob) => save(blob, "png"), "image/png");
  });
  $("save-json").addEventListener("click", () => save(new Blob([JSON.stringify(state.answer, null, 2)], { type: "application/json" }), "json"));
  $("save-csv").addEventListener("click", () => save(new Blob([csv()], { type: "text/csv" }), "csv"));
  $("theme").addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf($("theme").dataset.theme) + 1) % THEMES.length]);
  });
  document.addEventListener("paste", (event) => {
    const item = [...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/"));
    if (item) { event.preventDefault(); openPhoto(item); }
  });
  const drop = $("drop");
  let inside = 0;
  document.addEventListener("dragenter", (event) => { event.preventDefault(); inside += 1; drop.classList.add("over"); });
  document.addEventListener("dragleave", () => { inside -= 1; if (inside <= 0) drop.classList.remove("over"); });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    drop.classList.remove("over");
    const [file] = event.dataTransfer?.files ?? [];
    if (file) openPhoto(file);
    else showError("That was no file: save the picture first, or copy and paste it.");
  });
  window.addEventListener("pagehide", stopCamera);
}

let theme = "auto";
try { theme = localStorage.getItem("bottomup-theme") ?? "auto"; } catch { /* storage may be switched off */ }
setTheme(THEMES.includes(theme) ? theme : "auto");
listen();
start();
