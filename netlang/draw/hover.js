(function () {
  "use strict";
  var svg = document.currentScript.parentNode, space = svg.namespaceURI, open = [];
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

  function toggle(step) {
    var panel = svg.querySelector('[data-panel="' + step.getAttribute("data-opens") + '"]');
    hide();
    if (open.indexOf(panel) >= 0) { close(panel); return; }
    panel.setAttribute("display", "inline");
    svg.appendChild(panel);
    open.push(panel);
    var from = step.getBoundingClientRect(), box = panel.firstElementChild.getBBox(), page = svg.viewBox.baseVal;
    var beside = corner(from.right, from.top), left = corner(from.left, from.bottom);
    var x = beside.x + 10, y = Math.max(6, Math.min(beside.y - 6, page.height - box.height - 6));
    if (x + box.width > page.width && left.x - box.width - 10 > 0) { x = left.x - box.width - 10; }
    panel.setAttribute("transform", "translate(" + (x - box.x) + "," + (y - box.y) + ")");
    room(x + box.width + 8, y + box.height + 8);
  }

  function close(panel) { // and what was opened from it
    open.splice(open.indexOf(panel)).forEach(function (one) { one.setAttribute("display", "none"); });
  }

  svg.querySelectorAll(".step").forEach(function (step) {
    var title = step.querySelector("title"), text = title ? title.textContent : "";
    if (title) { step.removeChild(title); }
    step.addEventListener("mousemove", function (event) { if (text) { show(text, event); } });
    step.addEventListener("mouseleave", hide);
    if (step.hasAttribute("data-opens")) {
      step.style.cursor = "pointer";
      step.setAttribute("tabindex", "0");
      step.setAttribute("role", "button");
      step.addEventListener("click", function (event) { event.stopPropagation(); toggle(step); });
      step.addEventListener("keydown", function (event) {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(step); }
      });
    }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && open.length) { close(open[open.length - 1]); }
  });
})();
