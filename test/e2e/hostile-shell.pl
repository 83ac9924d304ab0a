#!/usr/bin/perl
# A `sh` of a host that does not keep to the session protocol: how, says the file beside it.
use strict;
my $how = do { open(my $f, '<', "$0.how") or die; my $t = <$f>; chomp $t; $t };
$SIG{PIPE} = 'DEFAULT';
$| = 1;
my $megabyte = 'x' x 1_000_000;
my $flood = sub { for (1 .. 400) { print STDOUT $megabyte or exit } };
$flood->(), exit if $how eq 'banner';
my $size = <STDIN>;
read STDIN, my $loop, $size;
chomp(my $nonce = <STDIN>);
my $mark = sub { for my $to (*STDERR, *STDOUT) { select $to; $| = 1; print "\n$nonce @_\n" } select STDOUT };
$mark->('start');
if ($how eq 'mark') { print "\n$nonce "; $flood->(); exit }
if ($how eq 'marks') { $mark->($_, 0) for 0 .. 3000; sleep 3; exit }
while (defined(my $request = <STDIN>)) {
  my ($id, $bytes, $input) = split ' ', $request;
  read STDIN, my $script, $bytes;
  if ($input > 0) { read STDIN, my $ignored, $input; <STDIN> }
  if ($how eq 'answers') { $flood->() if $id > 0 && $script =~ /r_k=/; }
  if ($how eq 'escapes') {
    my $evil = "\e]0;title\a\e]52;c;ZXZpbA==\a\e]8;;http://evil\a\x{9b}2J\xc2\x9b31m\xe2\x80\xae{{ 7*7 }}<script>alert(1)</script>\n";
    print $evil x 5;
    print STDERR $evil x 5;
  }
  $mark->($id, $how eq 'exits' ? 'nonsense' : 0);
}
