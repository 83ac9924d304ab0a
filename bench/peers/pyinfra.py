from pyinfra import host
from pyinfra.operations import apt, files, systemd

owned = {"user": "www-data", "group": "www-data"}
apt.packages(name="Packages", packages=["jq", "socat"])
files.directory(name="Settings", path="/etc/greeter", mode="755")
files.directory(name="Content", path="/srv/greeter", mode="750", **owned)
files.template(
    name="Greeting", src="templates/greeting.json.j2", dest="/srv/greeter/greeting.json", mode="640", node=host.name, **owned
)
files.link(name="Current greeting", path="/srv/greeter/current", target="greeting.json")
environment = files.template(
    name="Environment", src="templates/environment.j2", dest="/etc/greeter/environment", mode="644", listen=8080
)
files.put(name="Log rotation", src="files/greeter.logrotate", dest="/etc/logrotate.d/greeter", mode="644")
unit = files.put(
    name="Unit", src="files/greeter.service", dest="/etc/systemd/system/greeter.service", mode="644"
)
systemd.daemon_reload(name="Reload", _if=unit.did_change)
systemd.service(name="Service", service="greeter.service", running=True, enabled=True)
systemd.service(
    name="Restart", service="greeter.service", restarted=True, _if=lambda: environment.did_change() or unit.did_change()
)
