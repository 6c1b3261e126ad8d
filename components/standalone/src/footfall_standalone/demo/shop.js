/**
 * The shop's own few lines: a cart in this browser, and the two calls a site owner would write.
 * Nothing is sold and nothing leaves the page but the events.
 */
const CART = 'demoCart';

function readCart() {
  try {
    return JSON.parse(localStorage.getItem(CART)) ?? [];
  } catch {
    return []; // no storage in this browser, or not ours: the shop then forgets between pages
  }
}

function writeCart(lines) {
  try {
    localStorage.setItem(CART, JSON.stringify(lines));
  } catch {
    // as above
  }
  showCart(lines);
}

function addToCart(name, value, cost) {
  creatioTracking.registerEvent('ADD_TO_CART', { name, value, cost });
  writeCart([...readCart(), { name, value, cost }]);
}

function purchase() {
  const lines = readCart();
  creatioTracking.registerEvent('complete_checkout', {
    name: 'Purchase',
    value: lines.map((line) => line.value).join(', '),
    cost: total(lines),
  });
  writeCart([]);
  find('[data-thanks]').textContent = 'Thank you! Look for complete_checkout in your events.';
}

function total(lines) {
  return Math.round(lines.reduce((sum, line) => sum + line.cost * 100, 0)) / 100;
}

function find(selector) {
  return document.querySelector(selector);
}

function showCart(lines) {
  find('[data-cart-count]').textContent = String(lines.length);
  const list = find('[data-cart-lines]');
  if (!list) return;
  list.replaceChildren(...lines.map(cartLine));
  find('[data-cart-empty]').hidden = lines.length > 0;
  find('[data-cart-total]').hidden = lines.length === 0;
  find('[data-cart-sum]').textContent = total(lines).toFixed(2);
  find('[data-purchase]').disabled = lines.length === 0;
}

function cartLine({ name, cost }) {
  const item = document.createElement('li');
  const price = document.createElement('span');
  price.className = 'price';
  price.textContent = cost.toFixed(2);
  item.append(name, price);
  return item;
}

// The buttons' onclick attributes look here.
Object.assign(window, { addToCart, purchase });
showCart(readCart());
