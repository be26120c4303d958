// The script of the pages of html.ts, as text, because a page must work without a bundler or a network, and
// the text of a function would include the code that a build or a coverage tool adds. Each figure has a JSON
// with the rows of its places, and for each of its drawings the places: x, y, width, height and color of each.

/** The script: shows the rows of the place that the pointer, a touch or the arrow keys choose. */
export const hoverScript = `
for (const figure of document.querySelectorAll("figure")) {
  const { names, colors, rows, drawings } = JSON.parse(figure.querySelector("script").textContent);
  const tooltip = figure.querySelector("output");
  const svgs = [...figure.querySelectorAll("svg")];
  const places = drawings.map((list) => list.map(([left, top, width, height, row, color]) => ({
    left, top, right: left + width, bottom: top + height, x: left + width / 2, y: top + height / 2, row, color: colors[color],
  })));
  const ring = document.createElementNS(svgs[0].namespaceURI, "rect");
  ring.setAttribute("class", "ring");
  let chosen;

  const current = () => Math.max(0, svgs.findIndex((svg) => svg.getClientRects().length > 0));
  const svg = () => svgs[current()];

  function nearest(candidates, x, y) {
    let best, least = Infinity;
    for (const place of candidates) {
      const distance = Math.hypot(place.x - x, place.y - y);
      if (distance < least) [best, least] = [place, distance];
    }
    return best;
  }

  function choose(place) {
    if (place === chosen) return;
    chosen = place;
    tooltip.hidden = !place;
    ring.remove();
    if (!place) return;
    const space = place.right > place.left ? 1 : 8;
    ring.setAttribute("x", place.left - space);
    ring.setAttribute("y", place.top - space);
    ring.setAttribute("width", place.right - place.left + 2 * space);
    ring.setAttribute("height", place.bottom - place.top + 2 * space);
    ring.setAttribute("rx", space);
    svg().append(ring);
    const [light, dark = light] = place.color.split(" ");
    tooltip.style.setProperty("--color", matchMedia("(prefers-color-scheme: dark)").matches ? dark : light);
    tooltip.replaceChildren(...rows[place.row].map(line));
    move(place);
  }

  function line([name, value]) {
    const row = document.createElement("div");
    row.append(names[name], " ", Object.assign(document.createElement("b"), { textContent: value }));
    return row;
  }

  // Beside the place, on the side that has room.
  function move(place) {
    const { x, y } = new DOMPoint(place.x, place.y).matrixTransform(svg().getScreenCTM());
    const box = figure.getBoundingClientRect();
    const left = x - box.left > box.width / 2 ? x - tooltip.offsetWidth - 14 : x + 14;
    const top = y - box.top > box.height / 2 ? y - tooltip.offsetHeight - 10 : y + 10;
    tooltip.style.left = Math.max(0, left - box.left) + "px";
    tooltip.style.top = top - box.top + "px";
  }

  function point(event) {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg().getScreenCTM().inverse());
    const all = places[current()];
    const candidate = nearest(all.filter(({ left, right }) => left === right), x, y);
    if (candidate && Math.hypot(candidate.x - x, candidate.y - y) <= 16) return choose(candidate);
    const inside = all.filter(({ left, top, right, bottom }) => right > left && x >= left && x <= right && y >= top && y <= bottom);
    choose(nearest(inside, x, y));
  }

  // The next place in a direction is the nearest one that is further in this direction than to the side.
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function walk(event) {
    if (event.key === "Escape") return choose(undefined);
    const direction = directions[event.key];
    if (!direction) return;
    event.preventDefault();
    const [right, down] = direction;
    const all = places[current()];
    const { width, height } = svg().viewBox.baseVal;
    const ahead = ({ x, y }) => {
      const along = (x - chosen.x) * right + (y - chosen.y) * down;
      return along > 0 && along >= Math.abs((x - chosen.x) * down + (y - chosen.y) * right);
    };
    choose(chosen ? (nearest(all.filter(ahead), chosen.x, chosen.y) ?? chosen) : nearest(all, width / 2, height / 2));
  }

  for (const drawing of svgs) {
    drawing.addEventListener("pointermove", point);
    drawing.addEventListener("pointerdown", point);
    drawing.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && choose(undefined));
  }
  figure.addEventListener("keydown", walk);
  figure.addEventListener("blur", () => choose(undefined));
  addEventListener("resize", () => choose(undefined));
}
`;
