// The script of the page of html.ts, as text, because the page must work without a bundler or a network, and
// the text of a function would include the code that a build or a coverage tool adds. The circles have the
// positions of the points; #details has their details, in the same order.

/** The page's script: shows the details of the point that the pointer, a touch or the arrow keys choose. */
export const hoverScript = `
const figure = document.querySelector("figure");
const drawing = figure.querySelector("svg");
const tooltip = document.getElementById("tooltip");
const details = JSON.parse(document.getElementById("details").textContent);
const points = [...drawing.querySelectorAll(".points circle")].map((circle, index) => ({
  x: circle.cx.baseVal.value,
  y: circle.cy.baseVal.value,
  color: circle.getAttribute("fill"),
  details: details[index],
}));
const ring = document.createElementNS(drawing.namespaceURI, "circle");
ring.setAttribute("class", "ring");
ring.setAttribute("r", 9);
let chosen;

function nearest(candidates, x, y) {
  const distance = (point) => Math.hypot(point.x - x, point.y - y);
  return candidates.reduce((best, point) => (best && distance(best) <= distance(point) ? best : point), undefined);
}

function choose(point) {
  if (point === chosen) return;
  chosen = point;
  tooltip.hidden = !point;
  if (!point) return ring.remove();
  ring.setAttribute("cx", point.x);
  ring.setAttribute("cy", point.y);
  drawing.append(ring);
  tooltip.style.setProperty("--color", point.color);
  tooltip.replaceChildren(...Object.entries(point.details).map(line));
  place(point);
}

function line([name, value]) {
  const row = document.createElement("div");
  row.append(name, " ", Object.assign(document.createElement("b"), { textContent: value }));
  return row;
}

// Beside the point, on the side that has room.
function place(point) {
  const { x, y } = new DOMPoint(point.x, point.y).matrixTransform(drawing.getScreenCTM());
  const box = figure.getBoundingClientRect();
  const left = x - box.left > box.width / 2 ? x - tooltip.offsetWidth - 14 : x + 14;
  const top = y - box.top > box.height / 2 ? y - tooltip.offsetHeight - 10 : y + 10;
  tooltip.style.left = left - box.left + "px";
  tooltip.style.top = top - box.top + "px";
}

function point(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
  const candidate = nearest(points, x, y);
  choose(candidate && Math.hypot(candidate.x - x, candidate.y - y) <= 24 ? candidate : undefined);
}

// The next point in a direction is the nearest one that is further in this direction than to the side.
const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function walk(event) {
  if (event.key === "Escape") return choose(undefined);
  const direction = directions[event.key];
  if (!direction) return;
  event.preventDefault();
  const [right, down] = direction;
  const middle = drawing.viewBox.baseVal;
  const ahead = ({ x, y }) => {
    const along = (x - chosen.x) * right + (y - chosen.y) * down;
    return along > 0 && along >= Math.abs((x - chosen.x) * down + (y - chosen.y) * right);
  };
  choose(
    chosen
      ? (nearest(points.filter(ahead), chosen.x, chosen.y) ?? chosen)
      : nearest(points, middle.width / 2, middle.height / 2),
  );
}

drawing.addEventListener("pointermove", point);
drawing.addEventListener("pointerdown", point);
drawing.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && choose(undefined));
figure.addEventListener("keydown", walk);
figure.addEventListener("blur", () => choose(undefined));
addEventListener("resize", () => choose(undefined));
`;
