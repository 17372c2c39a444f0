/* The program "nephos": the commands, and the mount, which also starts under the names and arguments of mount(8). */
#include "cli/command.h"
#include "fusefs/mount/mount.h"

#include <locale.h>

int main(int argc, char **argv)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (mount_is_helper_call(argc, argv))
		return mount_main(argc, argv);
	return command_main(argc, argv, mount_main);
}
