"use strict";
// Charts: drawn in the reader's colours, again when those change, and to the width of the page.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themes = JSON.parse(document.getElementById("themes")?.textContent ?? "null");
  const plots = [...document.querySelectorAll(".plot")];
  let generation = 0;

  async function draw(plot) {
    const theme = dark.matches ? "dark" : "light";
    const drawn = plot.dataset.theme === theme && plot.dataset.width === String(plot.clientWidth);
    if (drawn || plot.closest("details:not([open])")) return; // folded away: when it is opened
    plot.view?.finalize();
    plot.dataset.theme = theme;
    const spec = JSON.parse(plot.nextElementSibling.textContent);
    const room = spec.params?.find((param) => param.name === "room");
    if (room) room.value = plot.clientWidth; // a legend wraps by it, and is laid out only once
    plot.dataset.width = spec.width = plot.clientWidth;
    const { view } = await vegaEmbed(plot, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: themes[theme], tooltip: { theme },
    });
    plot.view = view;
  }

  // One after the other, with a pause between: the page can be read and scrolled while the rest is drawn.
  async function drawAll() {
    const mine = ++generation;
    for (const plot of plots) {
      if (mine !== generation) return;
      await draw(plot);
      await new Promise((resume) => setTimeout(resume));
    }
    document.documentElement.dataset.drawn = dark.matches ? "dark" : "light";
  }
  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(drawAll, 200);
  });
  dark.addEventListener("change", drawAll);
  document.addEventListener("toggle", (event) => event.target.open && drawAll(), true);
  if (plots.length) drawAll();
})();

// Tables: a click on a head sorts by it, another one the other way round; empty cells stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => row.cells[column].dataset;
    const compare = (a, b) => {
      if (a.none !== undefined || b.none !== undefined) return (a.none !== undefined) - (b.none !== undefined);
      if (a.number !== undefined && b.number !== undefined) return sign * (a.number - b.number);
      const [left, right] = [a, b].map((each) => each.text ?? each.number);
      return sign * left.localeCompare(right, "en", { numeric: true });
    };
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  }));
}

// Tables with a field above: only the rows that contain every word typed.
for (const field of document.querySelectorAll("input.filter")) {
  const rows = [...field.closest("p").nextElementSibling.querySelector("tbody").rows];
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  });
}
