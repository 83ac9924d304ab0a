# Does many steps in the folders below the working directory in one process: a shell would start a dozen for each file.
# Arguments: the mark of the script's output, the name of the session, the path of the working directory.
# Reads: on standard input a line `INDEX KIND SIZE MODE OWNER GROUP PATH/` for each step, `-` for an absent word, and the
# content behind the line of a file; at the end a line `end`.
# Exit codes: 1 with the mark of the failed step, and the reason on standard error; 3 if nothing has changed then.
#
# It keeps to the rules of paths.sh: no link is followed, a file is staged beside its place and flushed before its renaming,
# and its owner and mode are set through its handle, which another account cannot exchange. One flush serves many files.
use strict;
use Fcntl qw(:DEFAULT :mode);
use Config;

my ($mark, $session, $base) = @ARGV;
my ($index, $changed, $bytes) = (0, 0, 0);
my ($here, %ids, %swept, %volumes, @staged) = ('');
# The number of the system call fremovexattr.
my %numbers = (x86_64 => 199, aarch64 => 16, riscv64 => 16, powerpc64le => 220, s390x => 235, arm => 237, i686 => 237);
my $remove_attribute = $numbers{($Config{archname} =~ /^(\w+)/)[0]};
opendir(my $top, '.') or fail('.');
binmode STDIN;

sub stop {
    my ($why) = @_;
    print STDOUT "\n$mark $index\n";
    print STDERR "\n$mark $index\n$why\n";
    for (@staged) { eval { enter($$_[1]); unlink $$_[2]; 1 } or last }
    exit($changed ? 1 : 3);
}
sub fail { my ($what) = @_; my $why = $!; $^S ? die : stop("$base/$what: $why") }
sub refuse { my ($why) = @_; $^S ? die : stop($why) }

# Enters ./NAME if it is a directory and no link, at the moment of entering, too.
sub down {
    my ($name) = @_;
    my @is = lstat("./$name");
    refuse("$base/$here$name is a link, not a directory") if @is && S_ISLNK($is[2]);
    chdir("./$name") or fail("$here$name");
    my @in = stat('.');
    refuse("$base/$here$name is being replaced by a link, so that it can lead anywhere; nothing is done through it")
        if !@is || $in[0] != $is[0] || $in[1] != $is[1];
    $here .= "$name/";
}
sub enter {
    my ($folder, $make) = @_;
    return if $here eq $folder;
    chdir($top) or fail('.');
    $here = '';
    for my $name (split m{/}, $folder) {
        if ($make && !lstat("./$name")) { mkdir("./$name", 0755) or fail("$here$name"); $changed = 1 }
        down($name);
    }
}
sub is_ours { my @in = stat('.'); ($in[4] == 0 || $in[4] == $>) && !($in[2] & 022) }

# Removes the staged files of ended sessions.
sub sweep {
    return if $swept{$here}++;
    opendir(my $all, '.') or return;
    my ($boot) = split /\./, $session;
    for (readdir $all) {
        next if !/^\.reconcile\.(.{8})\.(\d+)\..{10}$/s || ($1 eq $boot && -d "/proc/$2");
        system('rm', '-rf', '--', "./$_");
    }
}

sub id {
    my ($kind, $name) = @_;
    return -1 if $name eq '-';
    my $id = $ids{"$kind $name"} //= ($kind eq 'user' ? getpwnam($name) : getgrnam($name)) // ($name =~ /^\d+$/ ? $name : '');
    refuse("invalid $kind: $name") if $id eq '';
    return $id;
}
# Sets owner, group and mode of a name or a handle. The owner comes first, because it clears set-ID bits.
sub own {
    my ($thing, $mode, $owner, $group, $path) = @_;
    $owner == -1 && $group == -1 or chown($owner, $group, $thing) or fail($path);
    $mode eq '-' or chmod(oct($mode), $thing) or fail($path);
}

sub flush { for (values %volumes) { enter($_); system('sync', '-f', '.') == 0 or fail($_) } }

# Gives all staged files their names.
sub rename_staged {
    flush();
    while (@staged) {
        my ($of, $folder, $new, $name) = @{$staged[0]};
        $index = $of;
        enter($folder);
        rename("./$new", "./$name") or fail("$folder$name");
        $changed = 1;
        shift @staged;
    }
    $bytes = 0;
}

sub write_file {
    my ($name, $size, $mode, $owner, $group) = @_;
    my @old = lstat("./$name");
    refuse("$base/$here$name is a directory; it is not replaced by a file") if @old && S_ISDIR($old[2]);
    @old = () if @old && !S_ISREG($old[2]);
    my @signs = ('a' .. 'z', 'A' .. 'Z', 0 .. 9);
    my $new = ".reconcile.$session." . join('', map { $signs[rand @signs] } 1 .. 10);
    sysopen(my $to, "./$new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) or fail("$here$name");
    push @staged, [$index, $here, $new, $name];
    # The access list and the extended attributes stay, unless the file gets another owner. They go from handle to handle.
    if (@old && ($owner == -1 || $owner == $old[4])) {
        # cp of coreutils 9.2 and later leaves an access list that the folder has given.
        syscall($remove_attribute, fileno($to), my $list = 'system.posix_acl_access') if $remove_attribute;
        my $opened = sysopen(my $from, "./$name", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        $opened &&= S_ISREG((stat $from)[2]);
        my @copy = ('cp', '--attributes-only', '--preserve=mode,xattr', '--');
        push @copy, map { "/proc/$$/fd/" . fileno($_) } $from, $to if $opened;
        $opened && system(@copy) == 0 or $> != 0 or refuse("the access list and the extended attributes of $base/$here$name cannot be kept");
        chmod(0600, $to) or fail("$here$name");
    }
    for (my $left = $size; $left > 0;) {
        my $got = read(STDIN, my $part, $left < 65536 ? $left : 65536);
        refuse("the content of $base/$here$name did not arrive whole") if !$got;
        (syswrite($to, $part) // -1) == $got or fail("$here$name");
        $left -= $got;
    }
    own($to, $mode, $owner == -1 && @old ? $old[4] : $owner, $group == -1 && @old ? $old[5] : $group, "$here$name");
    $volumes{(stat $to)[0]} //= $here;
    close($to) or fail("$here$name");
    $bytes += $size;
    rename_staged() if @staged >= 1 << 14 || $bytes > 1 << 26;
}
sub make_directory {
    my ($name, $mode, @owners) = @_;
    if (!lstat("./$name")) {
        mkdir("./$name", $mode eq '-' ? 0755 : 0700) or fail("$here$name");
    }
    $changed = 1;
    down($name);
    own('.', $mode, @owners, $here);
}
sub set_attributes {
    my ($name, $mode, @owners) = @_;
    my @is = lstat("./$name") or fail("$here$name");
    $changed = 1;
    if (S_ISDIR($is[2])) { down($name); return own('.', $mode, @owners, $here) }
    refuse("$base/$here$name is neither a file nor a directory") if !S_ISREG($is[2]);
    return own("./$name", $mode, @owners, "$here$name") if is_ours();
    sysopen(my $file, "./$name", O_RDONLY | O_NOFOLLOW | O_NONBLOCK) or fail("$here$name");
    my @in = stat($file);
    refuse("$base/$here$name has a second name, so that it can lead anywhere; nothing is done through it")
        if !S_ISREG($in[2]) || $in[3] != 1;
    own($file, $mode, @owners, "$here$name");
}

my $whole;
while (defined(my $line = <STDIN>)) {
    chomp $line;
    last if $whole = $line eq 'end';
    my ($of, $kind, $size, $mode, $owner, $group, $folder, $name) =
        $line =~ m{^(\d+) (\w+) (\d+) (\S+) (\S+) (\S+) (.*/)?([^/]+)/$}s or last;
    $index = $of;
    rename_staged() if $kind eq 'attributes' && @staged;
    enter($folder // '', $kind eq 'directory');
    my @owners = (id('user', $owner), id('group', $group));
    if ($kind eq 'write') { sweep(); write_file($name, $size, $mode, @owners) }
    elsif ($kind eq 'directory') { make_directory($name, $mode, @owners) }
    else { set_attributes($name, $mode, @owners) }
}
$whole or refuse('the steps did not arrive whole');
rename_staged();
flush();
