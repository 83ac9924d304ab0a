# after lists
apt-get -qy install --no-install-recommends memcached nginx postgresql python3-venv
