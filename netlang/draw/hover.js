(function () {
  "use strict";
  var svg = document.currentScript.parentNode, space = svg.namespaceURI, says = {};
  var shown = svg.querySelector('[data-view="0"]');
  var tip = svg.querySelector(".tip"), ground = tip.firstElementChild, words = tip.lastElementChild;

  function corner(x, y) { // from the screen to the drawing
    var p = svg.createSVGPoint();
    p.x = x; p.y = y;
    return p.matrixTransform(svg.getScreenCTM().inverse());
  }

  function room(right, bottom) { // the image grows with what opens
    var box = svg.viewBox.baseVal, scale = svg.width.baseVal.value / box.width;
    box.width = Math.max(box.width, right);
    box.height = Math.max(box.height, bottom);
    svg.setAttribute("width", box.width * scale);
    svg.setAttribute("height", box.height * scale);
  }

  function show(text, event) {
    words.textContent = "";
    text.split("\n").forEach(function (line, k) {
      var span = document.createElementNS(space, "tspan");
      span.setAttribute("x", 0);
      span.setAttribute("dy", k ? 14 : 0);
      span.textContent = line || " ";
      words.appendChild(span);
    });
    tip.setAttribute("display", "inline");
    svg.appendChild(tip);
    var box = words.getBBox(), at = corner(event.clientX, event.clientY), page = svg.viewBox.baseVal;
    room(box.width + 24, box.height + 24); // of a small drawing
    var x = Math.max(4, Math.min(at.x + 14, page.width - box.width - 18));
    var y = at.y + 28 + box.height > page.height ? Math.max(6, at.y - box.height - 16) : at.y + 18;
    ground.setAttribute("x", box.x - 7);
    ground.setAttribute("y", box.y - 5);
    ground.setAttribute("width", box.width + 14);
    ground.setAttribute("height", box.height + 10);
    tip.setAttribute("transform", "translate(" + (x + 7) + "," + (y - box.y) + ")");
  }

  function hide() { tip.setAttribute("display", "none"); }

  function toggle(step, typed) { // the drawing with the block opened, or closed again; the block stays where it is looked at
    var number = step.getAttribute("data-opens"), before = step.getBoundingClientRect();
    turn(step.hasAttribute("data-closes") ? step.getAttribute("data-closes") : number);
    var after = shown.querySelector('[data-opens="' + number + '"]');
    if (after) {
      var now = after.getBoundingClientRect();
      scroller().scrollBy(now.left - before.left, now.top - before.top);
      if (typed) { after.focus({ preventScroll: true }); }
    }
  }

  function scroller() { // what moves the drawing on its page
    var around = svg.parentElement;
    while (around && around.scrollHeight <= around.clientHeight) { around = around.parentElement; }
    return around || window;
  }

  function turn(number) {
    hide();
    shown.setAttribute("display", "none");
    shown = svg.querySelector('[data-view="' + number + '"]');
    shown.removeAttribute("display");
    var box = svg.viewBox.baseVal, scale = svg.width.baseVal.value / box.width;
    var size = shown.getAttribute("data-size").split(" ").map(Number);
    box.width = size[0];
    box.height = size[1];
    svg.setAttribute("width", size[0] * scale);
    svg.setAttribute("height", size[1] * scale);
  }

  svg.querySelectorAll(".step").forEach(function (step) {
    var title = step.querySelector("title"), opens = step.hasAttribute("data-opens");
    var closes = step.hasAttribute("data-closes"), number = step.getAttribute("data-says");
    if (title) { says[number] = title.textContent; step.removeChild(title); }
    step.addEventListener("mousemove", function (event) { if (says[number]) { show(says[number], event); } });
    step.addEventListener("mouseleave", hide);
    if (closes) { step.style.pointerEvents = "all"; } // the ground of a frame too, which has no colour
    if (opens) {
      step.style.cursor = "pointer";
      step.setAttribute("tabindex", "0");
      step.setAttribute("role", "button");
      step.setAttribute("aria-expanded", closes);
      step.addEventListener("click", function (event) { event.stopPropagation(); toggle(step, false); });
      step.addEventListener("keydown", function (event) {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(step, true); }
      });
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && shown.hasAttribute("data-above")) { turn(shown.getAttribute("data-above")); }
  });
})();
