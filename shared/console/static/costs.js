/* Draws the chart of costs from the table by day on the same page. */
"use strict";

(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const COLOURS = 8;

  /* The table's columns, each with its name and its values, and the days. */
  function figuresOf(table) {
    const names = [...table.tHead.rows[0].cells].slice(1, -1).map((cell) => cell.textContent);
    const rows = [...table.tBodies[0].rows];
    return {
      days: rows.map((row) => row.querySelector("time").textContent),
      columns: names.map((name, index) => ({
        name,
        values: rows.map((row) => Number(row.cells[index + 1].querySelector("data").value)),
        shown: rows.map((row) => row.cells[index + 1].textContent),
      })),
    };
  }

  /* The last colour is that of the others. */
  function colourOf(index, columns) {
    const isOthers = index === columns.length - 1 && columns[index].name === "Others";
    return colour(`--chart-${isOthers ? COLOURS : (index % COLOURS) + 1}`);
  }

  function optionsOf(columns, currency) {
    const ink = colour("--ink-2");
    const line = colour("--line");
    return {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          itemSort: (one, other) => other.datasetIndex - one.datasetIndex,
          filter: (item) => item.raw !== 0,
          callbacks: { label: (item) => ` ${item.dataset.label}: ${columns[item.datasetIndex].shown[item.dataIndex]} ${currency}` },
        },
      },
      scales: {
        x: {
          stacked: true,
          grid: { display: false },
          border: { color: line },
          ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16, callback(value) { return this.getLabelForValue(value).replace(/ \d{4}$/, ""); } },
        },
        y: { stacked: true, grid: { color: line }, border: { display: false }, ticks: { color: ink, maxTicksLimit: 6 } },
      },
    };
  }

  function showLegend(list, columns) {
    const SVG = "http://www.w3.org/2000/svg";
    list.replaceChildren(...columns.map((column, index) => {
      const item = document.createElement("li");
      const mark = document.createElementNS(SVG, "svg");
      const square = document.createElementNS(SVG, "rect");
      mark.setAttribute("aria-hidden", "true");
      square.setAttribute("width", "10");
      square.setAttribute("height", "10");
      square.setAttribute("fill", colourOf(index, columns));
      mark.append(square);
      item.append(mark, column.name);
      return item;
    }));
  }

  function draw(section) {
    const card = section.querySelector("[data-chart]");
    const { days, columns } = figuresOf(section.querySelector("[data-table=days]"));
    card.hidden = false;
    const sets = () => columns.map((column, index) => ({
      label: column.name, data: column.values, backgroundColor: colourOf(index, columns), borderRadius: 2, maxBarThickness: 36,
    }));
    const chart = new Chart(card.querySelector("canvas"), {
      type: "bar",
      data: { labels: days, datasets: sets() },
      options: optionsOf(columns, section.dataset.currency),
    });
    showLegend(card.querySelector("[data-legend]"), columns);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      chart.data.datasets = sets();
      chart.options = optionsOf(columns, section.dataset.currency);
      chart.update();
      showLegend(card.querySelector("[data-legend]"), columns);
    });
  }

  /* The fields for two days are shown only for the period "custom". Without this script they are always shown. */
  function watchPeriod(form) {
    const showDays = () => {
      const isOther = form.elements.period.value === "custom";
      for (const field of form.querySelectorAll("[data-days]")) {
        field.hidden = !isOther;
        field.querySelector("input").disabled = !isOther;
      }
    };
    form.addEventListener("change", showDays);
    showDays();
  }

  document.querySelectorAll("[data-filters]").forEach(watchPeriod);
  document.querySelectorAll("section[data-currency]").forEach(draw);
})();
