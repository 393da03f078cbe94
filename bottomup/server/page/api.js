// The service: one picture by POST, a camera by a WebSocket. Addresses are relative, so that a proxy may put the page
// under any path.

export class ServiceError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.parameters = error.parameters ?? [];
  }
}

let token = null;
try { token = sessionStorage.getItem("bottomup-token"); } catch { /* storage may be switched off */ }

export function setToken(value) {
  token = value;
  try { sessionStorage.setItem("bottomup-token", value); } catch { /* then it holds until the page is left */ }
}

async function call(path, options = {}) {
  let answer;
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    answer = await fetch(path, { ...options, headers: { ...headers, ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, { code: "unreachable", message: "The service cannot be reached." });
  }
  if (answer.ok) return answer.json();
  let document = {};
  try { document = await answer.json(); } catch { /* a proxy's own page */ }
  throw new ServiceError(answer.status, document.error ?? { code: "refused", message: `The service answered ${answer.status}.` });
}

export const networks = () => call("v1/networks");

function query(options) {
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

export function detect(blob, options, signal) {
  const headers = { "Content-Type": blob.type.startsWith("image/") ? blob.type : "application/octet-stream" };
  return call(`v1/detect?${query(options)}`, { method: "POST", body: blob, headers, signal });
}

// A camera's connection: `look(blob)` resolves to the answer for that frame. One frame is under way at a time.
export class Live {
  constructor(options) {
    const address = new URL("v1/live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.waiting = null;
    this.socket = new WebSocket(address);
    this.socket.onmessage = (event) => this.#answer(JSON.parse(event.data));
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = () => { this.configure(options); resolve(); };
      this.socket.onclose = (event) => {
        const error = new ServiceError(event.code, {
          code: event.reason.includes("token") ? "no_token" : "closed",
          message: event.reason ? `The camera was stopped: ${event.reason}.` : "The connection to the service was lost.",
        });
        reject(error);
        this.waiting?.reject(error);
        this.waiting = null;
      };
    });
  }

  configure(options) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "options", ...(token ? { token } : {}), ...options }));
    }
  }

  look(blob) {
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) {
        reject(new ServiceError(0, { code: "closed", message: "The connection to the service was lost." }));
        return;
      }
      this.waiting = { resolve, reject };
      this.socket.send(blob);
    });
  }

  #answer(message) {
    if (message.type === "options") {
      this.skeleton = message.skeleton;
    } else if (message.type === "people") {
      this.waiting?.resolve(message);
      this.waiting = null;
    } else {
      this.waiting?.reject(new ServiceError(422, message.error));
      this.waiting = null;
    }
  }

  close() {
    this.waiting = null;
    this.socket.onclose = null;
    this.socket.close();
  }
}
