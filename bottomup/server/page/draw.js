// Skeletons on a canvas, as bottomup.drawing draws them: a colour per person, widths that follow the person and the
// picture, limbs left out that only repeat what others show.

const PALETTE = [[85, 195, 255], [245, 160, 30], [30, 200, 150], [225, 125, 200], [250, 235, 80], [40, 95, 235], [235, 95, 50]];
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const FACE = new Set(["nose", "left_eye", "right_eye", "left_ear", "right_ear"]);
const NECKS = ["neck", "upper_neck", "thorax"];
const DETOUR = 1.5;

export function color(index) {
  if (index < PALETTE.length) return `rgb(${PALETTE[index].join(" ")})`;
  return `hsl(${360 * ((index * GOLDEN) % 1)} 85% ${[50, 62, 74][index % 3]}%)`;
}

export function joints(person) {
  const points = [];
  for (let k = 0; k < person.keypoints.length; k += 3) {
    const [x, y, score] = person.keypoints.slice(k, k + 3);
    points.push(score > 0 ? { x: x + 0.5, y: y + 0.5, score } : null); // pixel centres are integers; a canvas counts from edges
  }
  return points;
}

function withNeck(skeleton, points) {
  const names = [...skeleton.joints], limbs = skeleton.limbs.slice();
  const at = (name) => names.indexOf(name);
  const needed = ["nose", "left_shoulder", "right_shoulder"].map(at);
  if (NECKS.some((name) => names.includes(name)) || needed.includes(-1)) return { names, limbs, points };
  const [, left, right] = needed.map((k) => points[k]);
  const neck = left && right ? { x: (left.x + right.x) / 2, y: (left.y + right.y) / 2, score: Math.min(left.score, right.score), hidden: true } : null;
  return { names: [...names, "neck"], limbs: [...limbs, ...needed.map((k) => [names.length, k])], points: [...points, neck] };
}

function readableLimbs({ names, limbs, points }) {
  const sided = names.map((name) => /^(left|right)_/.test(name));
  const candidates = limbs
    .filter(([a, b]) => points[a] && points[b])
    .map(([a, b]) => {
      const bridge = FACE.has(names[a]) !== FACE.has(names[b]);
      return { a, b, length: Math.hypot(points[a].x - points[b].x, points[a].y - points[b].y), turn: !sided[a] && !sided[b] ? 0 : bridge ? 2 : 1 };
    })
    .sort((p, q) => p.turn - q.turn || p.length - q.length);
  const way = names.map((_, i) => names.map((__, j) => (i === j ? 0 : Infinity)));
  const taken = [];
  for (const limb of candidates) {
    const { a, b, length, turn } = limb;
    if (way[a][b] <= DETOUR * length || (turn === 2 && way[a][b] < Infinity)) continue;
    taken.push(limb);
    const before = way.map((row) => row.slice());
    for (let i = 0; i < names.length; i++) {
      for (let j = 0; j < names.length; j++) {
        way[i][j] = Math.min(before[i][j], before[i][a] + length + before[b][j], before[i][b] + length + before[a][j]);
      }
    }
  }
  return taken;
}

export function drawPeople(context, people, skeleton, width, height) {
  const diagonal = Math.hypot(width, height);
  const order = people.map((_, index) => index).sort((i, j) => people[i].score - people[j].score);
  for (const index of order) drawPerson(context, people[index], index, skeleton, diagonal);
}

function drawPerson(context, person, index, skeleton, diagonal) {
  const body = withNeck(skeleton, joints(person));
  const seen = body.points.filter((point) => point && !point.hidden);
  if (!seen.length) return;
  const spread = (axis) => Math.max(...seen.map((p) => p[axis])) - Math.min(...seen.map((p) => p[axis]));
  const size = Math.max(spread("x"), spread("y"));
  const line = Math.max(1.3, Math.min(Math.max(0.022 * size, 0.002 * diagonal), 0.0055 * diagonal));
  const paint = color(person.id ?? index);
  context.lineCap = "round";
  for (const pass of ["outline", "colour"]) {
    for (const { a, b } of readableLimbs(body)) {
      const [from, to] = [body.points[a], body.points[b]];
      context.globalAlpha = (0.45 + 0.55 * Math.min(1, Math.min(from.score, to.score) / 0.5)) * (pass === "outline" ? 0.5 : 1);
      context.strokeStyle = pass === "outline" ? "rgb(0 0 0)" : paint;
      context.lineWidth = pass === "outline" ? line * 1.9 : line;
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    }
  }
  for (const point of seen) {
    const radius = line * (0.75 + 0.75 * Math.min(1, point.score));
    context.globalAlpha = 0.95;
    context.beginPath();
    context.arc(point.x, point.y, radius, 0, 2 * Math.PI);
    context.fillStyle = paint;
    context.fill();
    context.lineWidth = Math.max(1, line * 0.35);
    context.strokeStyle = "rgb(0 0 0 / 60%)";
    context.stroke();
  }
  context.globalAlpha = 1;
  if (person.id !== undefined) drawLabel(context, String(person.id), person.box, paint, diagonal);
}

function drawLabel(context, text, box, paint, diagonal) {
  const size = Math.max(11, 0.022 * diagonal);
  context.font = `600 ${size}px system-ui, sans-serif`;
  const width = context.measureText(text).width + size * 0.8;
  const x = box[0], y = Math.max(0, box[1] - size * 1.9);
  context.fillStyle = paint;
  context.beginPath();
  context.roundRect(x, y, width, size * 1.4, size * 0.35);
  context.fill();
  context.fillStyle = "rgb(0 0 0 / 88%)";
  context.textBaseline = "middle";
  context.fillText(text, x + size * 0.4, y + size * 0.73);
}

// A field comes as a small transparent picture, one pixel for each cell; the canvas stretches it smoothly.
export async function openLayers(layers) {
  const opened = [];
  for (const [name, layer] of Object.entries(layers ?? {})) {
    const bytes = Uint8Array.from(atob(layer.png), (character) => character.charCodeAt(0));
    opened.push({ name, ...layer, image: await createImageBitmap(new Blob([bytes], { type: "image/png" })) });
  }
  return opened;
}

export function drawLayers(context, layers, shown, width, height) {
  const visible = layers.filter((layer) => shown[layer.name]);
  if (!visible.length) return;
  context.fillStyle = "rgb(0 0 0 / 40%)"; // the photo steps back, so that weak fields can be seen on it
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  for (const layer of visible) context.drawImage(layer.image, layer.x, layer.y, layer.width, layer.height);
}
