"use strict";
const form = document.querySelector("form");
const grid = document.querySelector(".losses");
const losses = [...grid.querySelectorAll(".loss")];
const count = document.querySelector("output");
const empty = document.querySelector(".empty");

/* Sorting: names upwards, costs upwards, gains and setups won downwards; what was not measured comes last. */
const keys = { gain: -1, balance: -1, cost: 1 };

function byName(one, other) {
    return one.dataset.name.localeCompare(other.dataset.name);
}

function by(key) {
    if (!(key in keys)) return byName;
    const value = (loss) => (loss.dataset[key] === "" ? Infinity : keys[key] * Number(loss.dataset[key]));
    return (one, other) => (value(one) === value(other) ? byName(one, other) : value(one) < value(other) ? -1 : 1);
}

let sortedBy = "";

function show() {
    const wanted = new FormData(form);
    const problem = wanted.get("problem") || "";
    const words = (wanted.get("words") || "").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const loss of losses) {
        const text = loss.dataset.text.toLowerCase();
        loss.hidden = (problem && loss.dataset.problem !== problem) || !words.every((word) => text.includes(word));
        shown += !loss.hidden;
    }
    if (wanted.get("sort") !== sortedBy) {
        sortedBy = wanted.get("sort");
        grid.append(...losses.sort(by(sortedBy)));
    }
    count.textContent = `${shown} of ${losses.length} ${losses.length === 1 ? "loss" : "losses"}`;
    empty.hidden = shown > 0;
}

form.hidden = false;
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(show));
document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input[type=search], select, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        form.elements.words.focus();
    }
});
show();

/* Copying */
async function copy(code) {
    try {
        await navigator.clipboard.writeText(code.textContent);
        return true;
    } catch {
        code.closest("details").open = true; // what cannot be seen cannot be selected
        getSelection().selectAllChildren(code);
        return document.execCommand("copy");
    }
}

for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
        const copied = await copy(button.closest(".use").querySelector("code"));
        button.textContent = copied ? "Copied" : "Press Ctrl-C";
        setTimeout(() => (button.textContent = "Copy snippet"), 2000);
    });
}

/* Pictures, large */
const viewer = document.querySelector("dialog");
let series = [];
let current = 0;

function turn(to) {
    current = (to + series.length) % series.length;
    const link = series[current];
    viewer.querySelector("img").src = link.href;
    viewer.querySelector("img").alt = link.dataset.title;
    viewer.querySelector("p").textContent = `${link.dataset.title} (${current + 1} of ${series.length})`;
}

grid.addEventListener("click", (event) => {
    const link = event.target.closest("a.picture");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    series = [...link.closest(".loss").querySelectorAll(".pictures a.picture")];
    viewer.showModal();
    turn(series.findIndex((other) => other.href === link.href));
});
viewer.addEventListener("click", (event) => {
    if (event.target === viewer || "close" in event.target.dataset) viewer.close();
    const step = event.target.dataset.step;
    if (step) turn(current + Number(step));
});
viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") turn(current + 1);
    if (event.key === "ArrowLeft") turn(current - 1);
});
