"""Users of the data API who go on while something else happens."""

import http.client
import threading
import time

from .client import connect, request

REQUEST_SECONDS = 60


class User:
    """Asks one request after the other. `ask(number)` makes the request: method, path and body."""

    def __init__(self, kind, key, ask, refused=()):
        """`refused` lists statuses that this user takes for an answer, beside the good ones."""
        self.kind, self.headers, self.ask, self.refused = kind, {"X-API-Key": key}, ask, refused
        # When each request began (monotonic), how long it took, the status of its answer; 0 without one.
        self.requests = []
        # Numbers of the requests that were answered well.
        self.acknowledged = []
        self.failures = []

    def go_on(self, url, stop, think_seconds):
        connection = connect(url, REQUEST_SECONDS)
        number = 0
        while not stop.is_set():
            number += 1
            method, path, body = self.ask(number)
            began = time.monotonic()
            try:
                answer = request(connection, method, path, body, self.headers)
                status = answer.status
                if answer.good:
                    self.acknowledged.append(number)
                elif status not in self.refused:
                    self.failures.append(f"{method} {path} answered {status} {answer.body[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                status = 0
                self.failures.append(f"{method} {path} had no answer: {error!r}")
            # The time of one request is what its caller waits.
            self.requests.append((began, time.monotonic() - began, status))
            time.sleep(think_seconds)
        connection.close()


class Load:
    """Runs its users, each in a thread and on a connection of its own, until the `with` block ends."""

    def __init__(self, url, users, think_seconds=0.003, warm_seconds=0.5):
        self.url, self.users, self.think_seconds, self.warm_seconds = url, users, think_seconds, warm_seconds
        self.stop = threading.Event()

    def __enter__(self):
        # Daemons: a script that is interrupted does not wait for them.
        work = lambda user: user.go_on(self.url, self.stop, self.think_seconds)  # noqa: E731
        self.threads = [threading.Thread(target=work, args=(user,), daemon=True) for user in self.users]
        for thread in self.threads:
            thread.start()
        time.sleep(self.warm_seconds)
        return self

    def __exit__(self, *_exception):
        self.stop.set()
        for thread in self.threads:
            thread.join(REQUEST_SECONDS)

    def requests(self, kind=None, since=0.0, until=float("inf")):
        """Those of one kind that were under way at some moment of a span."""
        return [one for user in self.users if kind in (None, user.kind)
                for one in list(user.requests) if one[0] <= until and one[0] + one[1] >= since]

    def seconds(self, kind=None, since=0.0, until=float("inf")):
        """How long each took, in order of length."""
        return sorted(took for _, took, _ in self.requests(kind, since, until))

    @property
    def failures(self):
        return [failure for user in self.users for failure in user.failures]
