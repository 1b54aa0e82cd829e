/* Xenith's choices; src/default_options.h has the defaults of all other options. */

/* Keys only. The host's configuration lists the accepted keys; no account has a
 * password, so dropbear does not ask for one. */
#define DROPBEAR_SVR_PASSWORD_AUTH 0
#define DROPBEAR_SVR_PAM_AUTH 0
#define DROPBEAR_SVR_PUBKEY_AUTH 1
#define DROPBEAR_CLI_PASSWORD_AUTH 0
#define DROPBEAR_USE_PASSWORD_ENV 0

/* Host and user keys: Ed25519, ECDSA, RSA with SHA-2. */
#define DROPBEAR_ED25519 1
#define DROPBEAR_ECDSA 1
#define DROPBEAR_RSA 1
#define DROPBEAR_RSA_SHA1 0
#define DROPBEAR_DSS 0
#define MIN_RSA_KEYLEN 2048

/* Speed over size: disk images are copied over SSH. */
#define DROPBEAR_SMALL_CODE 0
#define DROPBEAR_ENABLE_GCM_MODE 1
#define DEFAULT_RECV_WINDOW 1048576

/* Not needed on a host without a display and without sftp-server. */
#define DROPBEAR_X11FWD 0
#define DROPBEAR_SFTPSERVER 0

/* runsv starts dropbear, never inetd. */
#define NON_INETD_MODE 1
#define INETD_MODE 0

#define DROPBEAR_PIDFILE "/run/dropbear.pid"
#define DROPBEAR_DEFAULT_CLI_AUTHKEY "~/.ssh/id_ed25519"
#define DEFAULT_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_ROOT_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
