import os
import socket
from contextlib import closing

import psycopg2
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO visits (host) VALUES (%s)", [socket.gethostname()])
        cursor.execute("SELECT count(*) FROM visits")
        return {"host": socket.gethostname(), "visits": cursor.fetchone()[0]}
